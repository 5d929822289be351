package container

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// Fields that are said by facts of their own, or that say nothing about the
// container.
var (
	saidConfig = []string{"Cmd", "Entrypoint", "Env", "Healthcheck", "Hostname", "Image", "Labels", "User", "WorkingDir"}
	saidHost   = []string{
		"Binds", "Mounts", "VolumesFrom", // by the mounts that they made
		"IpcMode", "LogConfig", "NetworkMode", "PidMode", "PortBindings", "RestartPolicy",
		"ConsoleSize", "ContainerIDFile", // of the command that created it
	}
)

// settings returns everything about a container that was set, not written.
func (d *description) settings(ws *kind.Workspace) []kind.Fact {
	facts := d.configuration(ws)
	facts = append(facts, restartFact(d.Container))
	return append(facts, d.networkFacts()...)
}

// configuration returns what can be set only when a container is created.
func (d *description) configuration(ws *kind.Workspace) []kind.Fact {
	facts := d.imageFacts()
	facts = append(facts, d.labelFacts()...)
	facts = append(facts, d.envFacts(ws)...)
	facts = append(facts, d.commandFacts(ws)...)
	facts = append(facts, d.plainFacts()...)
	facts = append(facts, d.hostFacts(ws)...)
	facts = append(facts, d.portFacts()...)
	facts = append(facts, d.mountFacts()...)
	facts = append(facts, fieldFacts("config", d.Config, saidConfig)...)
	return append(facts, fieldFacts("host", d.HostConfig, saidHost)...)
}

// imageFacts says which image it is, and under which name it was asked for. A
// reference that pins the image says nothing more, and cannot always be given
// back: an engine knows a digest only from the registry.
func (d *description) imageFacts() []kind.Fact {
	facts := []kind.Fact{{Name: "image", Value: d.Image}}
	if reference := d.Config.Text("Image"); !pinsImage(reference) {
		facts = append(facts, kind.Fact{Name: "config Image", Value: reference})
	}
	return facts
}

func pinsImage(reference string) bool {
	return strings.Contains(reference, "@") || strings.HasPrefix(reference, "sha256:")
}

func (d *description) stateFact() kind.Fact {
	return kind.Fact{Name: "state", Value: string(d.State)}
}

func (d *description) labelFacts() []kind.Fact {
	var facts []kind.Fact
	for k, v := range d.Labels() {
		facts = append(facts, kind.Fact{Name: "label " + k, Value: v})
	}
	return facts
}

func (d *description) envFacts(ws *kind.Workspace) []kind.Fact {
	values := make(map[string]string)
	for _, assignment := range d.Env() {
		name, value, set := strings.Cut(assignment, "=")
		values[name] = "unset"
		if set {
			values[name] = ws.Redact(value)
		}
	}
	var facts []kind.Fact
	for name, value := range values {
		facts = append(facts, kind.Fact{Name: "env " + name, Value: value})
	}
	return facts
}

// commandFacts shows the programs; their arguments may hold secrets.
func (d *description) commandFacts(ws *kind.Workspace) []kind.Fact {
	var facts []kind.Fact
	for name, field := range map[string]string{"cmd": "Cmd", "entrypoint": "Entrypoint"} {
		var argv []string
		d.Config.Decode(field, &argv)
		if len(argv) > 0 {
			facts = append(facts, kind.Fact{Name: name, Value: command(ws, argv)})
		}
	}
	var health map[string]json.RawMessage
	d.Config.Decode("Healthcheck", &health)
	if len(health) > 0 {
		var test []string
		docker.Fields(health).Decode("Test", &test)
		delete(health, "Test")
		value := kind.Attributes("healthcheck", "test", command(ws, test), "timing", canonical(must(health)))
		facts = append(facts, kind.Fact{Name: "healthcheck", Value: value})
	}
	return facts
}

func command(ws *kind.Workspace, argv []string) string {
	if len(argv) < 2 {
		return strings.Join(argv, " ")
	}
	return kind.Attributes("argv", "program", argv[0], "arguments", ws.Redact(strings.Join(argv[1:], "\x00")))
}

func (d *description) plainFacts() []kind.Fact {
	fields := map[string]string{"user": "User", "workdir": "WorkingDir", "hostname": "Hostname"}
	if d.joins("NetworkMode") {
		delete(fields, "hostname") // the other container's
	}
	var facts []kind.Fact
	for name, field := range fields {
		if value := d.Config.Text(field); value != "" {
			facts = append(facts, kind.Fact{Name: name, Value: value})
		}
	}
	return facts
}

// joins reports whether the container lives in a namespace of another one.
func (d *description) joins(mode string) bool {
	return strings.HasPrefix(d.HostConfig.Text(mode), "container:")
}

func (d *description) hostFacts(ws *kind.Workspace) []kind.Fact {
	var facts []kind.Fact
	for _, field := range modes {
		if value := d.translate(d.HostConfig.Text(field)); value != "" {
			facts = append(facts, kind.Fact{Name: "host " + field, Value: value})
		}
	}
	var log struct {
		Type   string
		Config map[string]string
	}
	d.HostConfig.Decode("LogConfig", &log)
	var options string // may hold the token of a log service
	if len(log.Config) > 0 {
		options = ws.Redact(string(must(log.Config)))
	}
	return append(facts, kind.Fact{Name: "host LogConfig", Value: kind.Attributes("log", "driver", log.Type, "options", options)})
}

// translate replaces the id of a container or network by its name, as ids do
// not survive.
func (d *description) translate(mode string) string {
	if ref, ok := strings.CutPrefix(mode, "container:"); ok {
		if name := d.Parents[ref]; name != "" {
			return "container:" + name
		}
		return mode
	}
	for name, p := range d.NetworkSettings.Networks {
		if len(mode) >= 12 && strings.HasPrefix(p.NetworkID, mode) {
			return name
		}
	}
	return mode
}

func restartFact(c *docker.Container) kind.Fact {
	p := c.RestartPolicy()
	value := p.Name
	if p.MaximumRetryCount > 0 {
		value = fmt.Sprintf("%s:%d", p.Name, p.MaximumRetryCount)
	}
	return kind.Fact{Name: "restart policy", Value: value}
}

// portFacts lists the published ports. A port of the host that the engine
// chooses changes at every start.
func (d *description) portFacts() []kind.Fact {
	var published map[string][]docker.Binding
	d.HostConfig.Decode("PortBindings", &published)
	var facts []kind.Fact
	for port, bindings := range published {
		facts = append(facts, kind.Fact{Name: "port " + port, Value: addresses(bindings)})
	}
	return facts
}

func address(b docker.Binding) string {
	port := b.HostPort
	if port == "" || port == "0" {
		port = "any"
	}
	return b.HostIP + ":" + port
}

// fieldFacts returns the fields that no other fact speaks for. Empty ones are
// left out: engines differ in how they write them.
func fieldFacts(prefix string, fields docker.Fields, said []string) []kind.Fact {
	var facts []kind.Fact
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if value := canonical(fields[name]); value != "" && !slices.Contains(said, name) {
			facts = append(facts, kind.Fact{Name: prefix + " " + name, Value: value})
		}
	}
	return facts
}

// canonical writes a JSON value with sorted keys, a string as it is, and an
// empty value as "".
func canonical(raw json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return string(raw)
	}
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if !v {
			return ""
		}
	case json.Number:
		if v == "0" {
			return ""
		}
	case []any:
		if len(v) == 0 {
			return ""
		}
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
	}
	return string(must(value))
}

// must encodes what was decoded from JSON before, which cannot fail.
func must(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
