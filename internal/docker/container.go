package docker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Container is a container as the engine describes it.
type Container struct {
	ID    string `json:"Id"`
	Name  string // without the leading slash
	Image string // the image's id
	State State
	// RestartCount is how often the engine has started it again by itself since
	// somebody started it.
	RestartCount int
	// Config and HostConfig are verbatim, by field.
	Config          Fields
	HostConfig      Fields
	Mounts          []Mount
	NetworkSettings struct {
		Ports    map[string][]Binding
		Networks map[string]Endpoint
	}
	GraphDriver struct {
		Name string
		Data map[string]string
	}

	// Raw is all of it, verbatim.
	Raw json.RawMessage `json:"-"`
}

// Fields are the fields of a JSON object, verbatim.
type Fields map[string]json.RawMessage

// State is what a container is doing.
type State struct {
	Status     string
	Running    bool // also while paused
	Paused     bool
	Restarting bool
	Pid        int
	ExitCode   int
	StartedAt  time.Time
	Health     *struct{ Status string }
}

// Mount is something that a container mounts.
type Mount struct {
	Type        string // bind, volume, tmpfs, …
	Name        string // of a volume
	Source      string
	Destination string
	Driver      string
	Mode        string
	RW          bool
	Propagation string
}

// Endpoint is a container's place in a network.
type Endpoint struct {
	IPAMConfig *AddressConfig
	Links      []string
	Aliases    []string
	DriverOpts map[string]string
	GwPriority int
	NetworkID  string
	IPAddress  string
	MacAddress string
}

// AddressConfig holds the addresses that the user chose.
type AddressConfig struct {
	IPv4Address  string   `json:",omitempty"`
	IPv6Address  string   `json:",omitempty"`
	LinkLocalIPs []string `json:",omitempty"`
}

// Binding is a port of the host that leads into a container.
type Binding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// ParseContainer reads a container as the engine describes it in JSON.
func ParseContainer(raw []byte) (*Container, error) {
	c := &Container{Raw: raw}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("read the engine's description of a container: %w", err)
	}
	c.Name = strings.TrimPrefix(c.Name, "/")
	return c, nil
}

// Labels returns the container's labels.
func (c *Container) Labels() map[string]string {
	var labels map[string]string
	c.Config.Decode("Labels", &labels)
	return labels
}

// Env returns the container's environment as KEY=value.
func (c *Container) Env() []string {
	var env []string
	c.Config.Decode("Env", &env)
	return env
}

// layer returns the directory of the container's writable layer on the
// engine's host, as far as the engine says where it is. Podman calls the same
// driver overlay.
func (c *Container) layer() string {
	if !slices.Contains([]string{"overlay2", "overlay"}, c.GraphDriver.Name) {
		return ""
	}
	return c.GraphDriver.Data["UpperDir"]
}

// Removes reports whether the engine removes the container when it exits.
func (c *Container) Removes() bool { return c.HostConfig.Bool("AutoRemove") }

// Volumes returns the names of the volumes that the container mounts, sorted.
func (c *Container) Volumes() []string {
	var names []string
	for _, m := range c.Mounts {
		if m.Type == "volume" && m.Name != "" {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Decode decodes a field into a value, which stays as it is if the field is
// absent or of another type.
func (f Fields) Decode(field string, into any) {
	if raw, ok := f[field]; ok {
		_ = json.Unmarshal(raw, into) // another type: the same as absent
	}
}

// Text returns a field that is a string.
func (f Fields) Text(field string) string {
	var s string
	f.Decode(field, &s)
	return s
}

// Bool returns a field that is a truth value.
func (f Fields) Bool(field string) bool {
	var b bool
	f.Decode(field, &b)
	return b
}

// With returns a copy in which one field is set.
func (f Fields) With(field string, value any) (Fields, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write field %s: %w", field, err)
	}
	changed := make(Fields, len(f)+1)
	for k, v := range f {
		changed[k] = v
	}
	changed[field] = raw
	return changed, nil
}
