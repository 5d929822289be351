package container

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

var _ kind.Rehearser = (*Driver)(nil)

// Dismantle removes the containers of a rehearsal.
func (d *Driver) Dismantle(ctx context.Context, mark string) error {
	return d.engines.Dismantle(ctx, mark, (*docker.Engine).DismantleContainers)
}

// Rehearse makes of a container one of another name that publishes no port,
// has networks of the rehearsal only, mounts copies in place of what is in the
// workspace and nothing to write to outside of it, and has no power over the
// host. What had exited is not run again.
func (d *Driver) Rehearse(ctx context.Context, part kind.Part, source kind.Source, sink kind.Sink, stage kind.Rehearsal) (kind.Relocated, error) {
	want, err := captured(ctx, part, source)
	if err != nil {
		return kind.Relocated{}, err
	}
	r := &rehearsal{description: want, stage: stage, excused: map[string]bool{"label " + kind.LabelRehearsal: true}}
	if err := r.rewrite(); err != nil {
		return kind.Relocated{}, err
	}
	raw, err := r.raw()
	if err != nil {
		return kind.Relocated{}, err
	}
	object, err := content.PutJSON(ctx, sink, descriptionObject, record{
		Inspect: raw, Parents: r.Parents, State: r.state(), Healthy: want.Healthy, Failing: want.Failing, Users: want.Users,
	})
	if err != nil {
		return kind.Relocated{}, err
	}
	objects := []kind.Object{object}
	if layer, ok := part.Object(layerObject); ok {
		objects = append(objects, layer)
	}
	part.ID.Name, part.Objects = stage.Name(part.ID.Name), objects
	return kind.Relocated{Part: part, Gaps: r.gaps, Excuses: func(fact string) bool {
		return r.excused[fact] || strings.HasPrefix(fact, "port ")
	}}, nil
}

// rehearsal is a description on its way to that of a rehearsal.
type rehearsal struct {
	*description
	stage   kind.Rehearsal
	excused map[string]bool // facts that have to differ
	gaps    []kind.Gap
}

// state leaves jobs that somebody had started by hand alone.
func (r *rehearsal) state() State {
	if r.Labels()[docker.LabelOneOff] != "True" || r.State == Stopped {
		return r.State
	}
	r.excused["state"] = true
	r.gap("its run", "it is a one-off job")
	return Stopped
}

func (r *rehearsal) gap(what, why string) {
	r.gaps = append(r.gaps, kind.Gap{What: what, Why: why})
}

// nobody is where names are asked for that the rehearsal does not have: in the
// container itself, where nobody answers. The engine would ask for it, from
// this host, whomever this host asks.
const nobody = "127.0.0.1"

// isShared reports whether a container has no network that is its own.
func isShared(mode string) bool { return mode == "none" || strings.HasPrefix(mode, "container:") }

func (r *rehearsal) rewrite() error {
	mode := r.networkMode() // before the names are others
	r.networks()
	r.mounts()
	if err := r.labels(); err != nil {
		return err
	}
	fields := map[string]any{
		"NetworkMode": mode, "PortBindings": nil, "PublishAllPorts": false, "AutoRemove": false, "Links": r.links(),
		"Binds": r.binds(), "Mounts": r.requested(), "IpcMode": r.namespace("IpcMode"), "PidMode": r.namespace("PidMode"),
	}
	r.excused["host PublishAllPorts"], r.excused["host AutoRemove"] = true, true
	for field, what := range map[string]string{
		"Privileged": "its privileges over the host", "Devices": "its devices", "DeviceCgroupRules": "rules for devices", "CapAdd": "added capabilities",
	} {
		if canonical(r.HostConfig[field]) != "" {
			fields[field] = nil
			r.excused["host "+field] = true
			r.gap(what, "a rehearsal has no power over the host")
		}
	}
	if !isShared(mode) {
		fields["Dns"] = []string{nobody}
		r.excused["host Dns"] = true
	}
	var err error
	for field, value := range fields {
		if r.HostConfig, err = r.HostConfig.With(field, value); err != nil {
			return err
		}
	}
	parents := make(map[string]string)
	for _, name := range r.Parents {
		parents[r.stage.Name(name)] = r.stage.Name(name)
	}
	r.Parents = parents
	r.Name = r.stage.Name(r.Name)
	return nil
}

// labels say of which project it is, and of which rehearsal.
func (r *rehearsal) labels() error {
	labels := maps.Clone(r.Labels())
	labels = docker.RehearsalLabels(labels, r.stage)
	for name, value := range labels {
		labels[name] = strings.ReplaceAll(value, r.stage.From, r.stage.To)
	}
	if dir := labels[docker.LabelWorkingDir]; !strings.HasPrefix(dir+"/", r.stage.To+"/") {
		labels[docker.LabelWorkingDir] = r.stage.To // it was named in dogear.yaml
		r.excused["label "+docker.LabelWorkingDir] = true
	}
	var err error
	r.Config, err = r.Config.With("Labels", labels)
	return err
}

// networkMode is none for a container that has the host's network, or the
// engine's own one, which leads out.
func (r *rehearsal) networkMode() string {
	mode := r.translate(r.HostConfig.Text("NetworkMode"))
	if name, ok := strings.CutPrefix(mode, "container:"); ok {
		return "container:" + r.stage.Name(name)
	}
	if mode == "none" {
		return mode
	}
	own := slices.DeleteFunc(slices.Sorted(maps.Keys(r.NetworkSettings.Networks)), docker.IsPredefined)
	if !docker.IsPredefined(mode) && slices.Contains(own, mode) {
		return r.stage.Name(mode)
	}
	r.excused["host NetworkMode"] = true
	r.gap("network "+mode, "it leads out of the rehearsal")
	if len(own) > 0 {
		return r.stage.Name(own[0])
	}
	return "none"
}

// networks are those of the rehearsal. Addresses are chosen by the engine.
func (r *rehearsal) networks() {
	renamed := make(map[string]docker.Endpoint)
	for name, p := range r.NetworkSettings.Networks {
		if docker.IsPredefined(name) {
			r.excused["network "+name] = true
			continue
		}
		if p.IPAMConfig != nil && (p.IPAMConfig.IPv4Address != "" || p.IPAMConfig.IPv6Address != "") {
			r.excused["network "+name] = true
			r.gap("its address in network "+name, "the live one has it")
		}
		p.IPAMConfig, p.NetworkID, p.DriverOpts = nil, "", nil
		for i, link := range p.Links {
			p.Links[i] = r.stage.Name(link)
		}
		renamed[r.stage.Name(name)] = p
	}
	r.NetworkSettings.Networks = renamed
	if r.HostConfig.Text("NetworkMode") == "none" || len(renamed) == 0 {
		r.excused["network none"] = true
	}
}

// namespace is that of another container of the rehearsal, or its own.
func (r *rehearsal) namespace(field string) string {
	mode := r.translate(r.HostConfig.Text(field))
	if name, ok := strings.CutPrefix(mode, "container:"); ok {
		return "container:" + r.stage.Name(name)
	}
	if mode == "host" {
		r.excused["host "+field] = true
		r.gap(field+" of the host", "a rehearsal has no power over the host")
		return ""
	}
	return mode
}

// links renames /name:/self/alias.
func (r *rehearsal) links() []string {
	var links []string
	r.HostConfig.Decode("Links", &links)
	for i, link := range links {
		target, alias, _ := strings.Cut(link, ":")
		links[i] = "/" + r.stage.Name(strings.TrimPrefix(target, "/")) + ":" + strings.Replace(alias, "/"+r.Name+"/", "/"+r.stage.Name(r.Name)+"/", 1)
	}
	return links
}

// raw is the engine's description with all that.
func (r *rehearsal) raw() (json.RawMessage, error) {
	var fields docker.Fields
	if err := json.Unmarshal(r.Raw, &fields); err != nil {
		return nil, fmt.Errorf("read the engine's description: %w", err)
	}
	var settings docker.Fields
	fields.Decode("NetworkSettings", &settings)
	settings, err := settings.With("Networks", r.NetworkSettings.Networks)
	if err != nil {
		return nil, err
	}
	for field, value := range map[string]any{
		"Name": "/" + r.Name, "Config": r.Config, "HostConfig": r.HostConfig, "Mounts": r.Mounts, "NetworkSettings": settings,
	} {
		if fields, err = fields.With(field, value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(fields)
}
