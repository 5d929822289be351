package container

import (
	"encoding/json"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// request is a mount as it was asked for in HostConfig.Mounts.
type request = docker.Fields

// mountFacts lists what is mounted, however it was asked for: a container
// that is created again asks for its anonymous volumes by name.
func (d *description) mountFacts() []kind.Fact {
	options := d.mountOptions()
	var facts []kind.Fact
	for _, m := range d.Mounts {
		access := "ro"
		if m.RW {
			access = "rw"
		}
		source := m.Source
		if m.Type == "volume" {
			source = "" // a directory of the engine
		}
		value := kind.Attributes(m.Type, "name", m.Name, "source", source, "access", access,
			"propagation", m.Propagation, "options", options[m.Destination])
		facts = append(facts, kind.Fact{Name: "mount " + m.Destination, Value: value})
	}
	return facts
}

// mountOptions returns, by target, options that the engine does not report
// among the mounts.
func (d *description) mountOptions() map[string]string {
	options := make(map[string]string)
	for _, r := range d.requests() {
		value := make(map[string]json.RawMessage)
		for _, field := range []string{"BindOptions", "TmpfsOptions", "Consistency"} {
			if canonical(r[field]) != "" {
				value[field] = r[field]
			}
		}
		var volume docker.Fields
		r.Decode("VolumeOptions", &volume)
		if canonical(volume["Subpath"]) != "" {
			value["Subpath"] = volume["Subpath"]
		}
		if len(value) > 0 {
			options[r.Text("Target")] = canonical(must(value))
		}
	}
	return options
}

func (d *description) requests() []request {
	var requests []request
	d.HostConfig.Decode("Mounts", &requests)
	return requests
}

// pinned returns the HostConfig with every volume asked for by name, the
// anonymous ones too: else the engine would make new ones. No volume is
// filled from the image any more; its content was captured, also if empty.
func (d *description) pinned() (docker.Fields, error) {
	binds, bound := d.pinnedBinds()
	mounts, mounted := d.pinnedMounts()
	for _, m := range d.Mounts {
		if m.Type != "volume" || bound[m.Destination] || mounted[m.Destination] {
			continue
		}
		mounts = append(mounts, request{
			"Type": must("volume"), "Source": must(m.Name), "Target": must(m.Destination),
			"ReadOnly": must(!m.RW), "VolumeOptions": must(map[string]bool{"NoCopy": true}),
		})
	}
	host, err := d.HostConfig.With("Binds", binds)
	if err != nil {
		return nil, err
	}
	if host, err = host.With("Mounts", mounts); err != nil {
		return nil, err
	}
	return host.With("VolumesFrom", nil) // its mounts are asked for one by one
}

// pinnedBinds returns the binds, source:target:options, and their targets.
func (d *description) pinnedBinds() ([]string, map[string]bool) {
	var binds []string
	d.HostConfig.Decode("Binds", &binds)
	targets := make(map[string]bool)
	for i, bind := range binds {
		fields := strings.SplitN(bind, ":", 3)
		if len(fields) < 2 {
			continue
		}
		targets[fields[1]] = true
		if !strings.HasPrefix(fields[0], "/") {
			binds[i] = withoutCopy(fields)
		}
	}
	return binds, targets
}

func withoutCopy(fields []string) string {
	var options []string
	if len(fields) == 3 && fields[2] != "" {
		options = strings.Split(fields[2], ",")
	}
	if !slices.Contains(options, "nocopy") {
		options = append(options, "nocopy")
	}
	return fields[0] + ":" + fields[1] + ":" + strings.Join(options, ",")
}

// pinnedMounts returns the mounts that were asked for, and their targets.
func (d *description) pinnedMounts() ([]request, map[string]bool) {
	names := make(map[string]string)
	for _, m := range d.Mounts {
		names[m.Destination] = m.Name
	}
	requests, targets := d.requests(), make(map[string]bool)
	for _, r := range requests {
		target := r.Text("Target")
		targets[target] = true
		if r.Text("Type") != "volume" || names[target] == "" {
			continue
		}
		options := make(docker.Fields)
		r.Decode("VolumeOptions", &options)
		options["NoCopy"] = must(true)
		r["Source"], r["VolumeOptions"] = must(names[target]), must(options)
	}
	return requests, targets
}
