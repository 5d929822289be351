package container

import (
	"context"
	"maps"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// Shifted names the ports of the host that the engine has chosen anew.
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
	return shifts, nil
}

func addresses(bindings []docker.Binding) string {
	var all []string
	for _, b := range bindings {
		all = append(all, address(b))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
