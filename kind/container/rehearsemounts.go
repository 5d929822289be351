package container

import (
	"os"
	"slices"
	"strings"

	"dogear/internal/docker"
)

// mounts are volumes of the rehearsal, and copies; of what is outside the
// workspace a file or a directory can be read.
func (r *rehearsal) mounts() {
	r.Mounts = slices.DeleteFunc(r.Mounts, func(m docker.Mount) bool { return !r.mounted(m.Type, m.Source) })
	for i := range r.Mounts {
		m := &r.Mounts[i]
		switch m.Type {
		case "volume":
			m.Name = r.stage.Name(m.Name)
		case "bind":
			var own bool
			if m.Source, own = r.stage.Path(m.Source); !own && m.RW {
				m.RW = false
				r.excused["mount "+m.Destination] = true
				r.gap("writing to "+m.Source, "it is outside the workspace")
			}
		}
	}
}

// mounted reports whether a mount is part of the rehearsal. A socket leads out
// of it, also if it cannot be written to.
func (r *rehearsal) mounted(kindOf, source string) bool {
	if _, own := r.stage.Path(source); kindOf != "bind" || own {
		return true
	}
	info, err := os.Stat(source)
	return err == nil && (info.IsDir() || info.Mode().IsRegular())
}

// binds renames source:target:options.
func (r *rehearsal) binds() []string {
	var binds, kept []string
	r.HostConfig.Decode("Binds", &binds)
	for _, bind := range binds {
		fields := strings.SplitN(bind, ":", 3)
		if len(fields) < 2 {
			continue
		}
		switch {
		case !strings.HasPrefix(fields[0], "/"):
			fields[0] = r.stage.Name(fields[0])
		case !r.mounted("bind", fields[0]):
			r.leaveOut(fields[0], fields[1])
			continue
		default:
			var own bool
			if fields[0], own = r.stage.Path(fields[0]); !own {
				fields = []string{fields[0], fields[1], "ro"}
			}
		}
		kept = append(kept, strings.Join(fields, ":"))
	}
	return kept
}

func (r *rehearsal) leaveOut(source, target string) {
	r.excused["mount "+target] = true
	r.gap("mount "+source, "it leads out of the rehearsal, or is not there")
}

// requested are the mounts that were asked for one by one.
func (r *rehearsal) requested() []request {
	var kept []request
	for _, m := range r.requests() {
		source, target := m.Text("Source"), m.Text("Target")
		switch m.Text("Type") {
		case "volume":
			if source != "" {
				m["Source"] = must(r.stage.Name(source))
			}
		case "bind":
			if !r.mounted("bind", source) {
				r.leaveOut(source, target)
				continue
			}
			copied, own := r.stage.Path(source)
			m["Source"] = must(copied)
			if !own {
				m["ReadOnly"] = must(true)
			}
		}
		kept = append(kept, m)
	}
	return kept
}
