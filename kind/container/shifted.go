package container

import (
	"context"
	"maps"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// Shifted names what the engine has chosen anew, or cannot be given back: ports
// of the host, a reference to an image by digest (which only a registry gives),
// the log, and the id of a container whose namespace it shares.
func (d *Driver) Shifted(ctx context.Context, _ *kind.Workspace, part kind.Part, source kind.Source) ([]kind.Shift, error) {
	want, err := captured(ctx, part, source)
	if err != nil {
		return nil, err
	}
	_, live, err := d.look(ctx, part.ID)
	if err != nil {
		return nil, err
	}
	var shifts []kind.Shift
	for _, port := range slices.Sorted(maps.Keys(want.Ports)) {
		was, is := addresses(want.Ports[port]), addresses(live.Ports[port])
		if was != is && was != "" && is != "" {
			shifts = append(shifts, kind.Shift{What: "port of this host for " + port, Was: was, Is: is})
		}
	}
	if was, is := want.Config.Text("Image"), live.Config.Text("Image"); was != is && pinsImage(was) {
		shifts = append(shifts, kind.Shift{What: "reference to its image", Was: was, Is: is})
	}
	if _, kept := part.Object(logObject); kept && want.ID != live.ID {
		shifts = append(shifts, kind.Shift{What: "log", Was: "in the snapshot (dogear show --print " + part.ID.String() + ":log)", Is: "of the container made anew"})
	}
	return append(shifts, newParents(want, live)...), nil
}

// newParents names the containers that have another id now. Compose has put the
// old one into the label by which it knows whether anything has changed.
func newParents(want, live *description) []kind.Shift {
	var shifts []kind.Shift
	for _, mode := range modes {
		was, joined := strings.CutPrefix(want.HostConfig.Text(mode), "container:")
		is, joins := strings.CutPrefix(live.HostConfig.Text(mode), "container:")
		if !joined || !joins || was == is || want.Parents[was] == "" {
			continue
		}
		what := "id of " + want.Parents[was] + ", whose " + strings.TrimSuffix(mode, "Mode") + " namespace it shares"
		if want.Labels()[docker.LabelConfigHash] != "" {
			what += " (docker compose up makes it anew for that, unless told --no-recreate)"
		}
		shifts = append(shifts, kind.Shift{What: what, Was: was, Is: is})
	}
	return shifts
}

func addresses(bindings []docker.Binding) string {
	var all []string
	for _, b := range bindings {
		all = append(all, address(b))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
