package network

import (
	"context"
	"strings"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

var _ kind.Rehearser = (*Driver)(nil)

// noAddress leaves the bridge of a network without an address: an internal
// network reaches its own gateway otherwise, and so whatever this host serves.
const noAddress = "com.docker.network.bridge.inhibit_ipv4"

// Rehearse makes of a network one of its containers alone, from which nothing
// leads out, not even to this host, so that nothing is mailed or charged. Its
// addresses are chosen by the engine, as the live one has those that were
// captured.
func (*Driver) Rehearse(ctx context.Context, part kind.Part, source kind.Source, sink kind.Sink, stage kind.Rehearsal) (kind.Relocated, error) {
	n, err := captured(ctx, part, source)
	if err != nil {
		return kind.Relocated{}, err
	}
	part.ID.Name = stage.Name(part.ID.Name)
	n.Name, n.Driver, n.Internal, n.Options, n.IPAM, n.EnableIPv6 = part.ID.Name, "bridge", true, map[string]string{noAddress: "true"}, docker.IPAM{Driver: "default"}, false
	n.Labels = docker.RehearsalLabels(n.Labels, stage)
	object, err := content.PutJSON(ctx, sink, settingsObject, n)
	part.Objects = []kind.Object{object}
	return kind.Relocated{Part: part, Excuses: func(fact string) bool {
		switch first, _, _ := strings.Cut(fact, " "); first {
		case "driver", "internal", "ipv6", "ipam", "subnet", "option":
			return true
		}
		return fact == "label "+kind.LabelRehearsal
	}}, err
}

// Dismantle removes the networks of a rehearsal.
func (d *Driver) Dismantle(ctx context.Context, mark string) error {
	return d.engines.Dismantle(ctx, mark, (*docker.Engine).DismantleNetworks)
}
