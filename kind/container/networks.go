package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// networkFacts lists the networks and what the user chose in them.
func (d *description) networkFacts() []kind.Fact {
	var facts []kind.Fact
	for name := range d.NetworkSettings.Networks {
		facts = append(facts, kind.Fact{Name: "network " + name, Value: endpointFact(d.endpoint(name))})
	}
	return facts
}

func endpointFact(p docker.Endpoint) string {
	var a docker.AddressConfig
	if p.IPAMConfig != nil {
		a = *p.IPAMConfig
	}
	var priority string
	if p.GwPriority != 0 {
		priority = fmt.Sprint(p.GwPriority)
	}
	return kind.Attributes("attached", "ipv4", a.IPv4Address, "ipv6", a.IPv6Address,
		"link-local", strings.Join(a.LinkLocalIPs, ","), "aliases", strings.Join(p.Aliases, ","),
		"links", strings.Join(p.Links, ","), "gateway-priority", priority, "options", canonical(must(p.DriverOpts)))
}

// endpoint returns what the user chose in a network. The engine adds the
// short id and the hostname to the aliases by itself; asked for, the old id
// would stay for good.
func (d *description) endpoint(name string) docker.Endpoint {
	p := d.NetworkSettings.Networks[name]
	var aliases []string
	for _, alias := range p.Aliases {
		if alias != d.Config.Text("Hostname") && !strings.HasPrefix(d.ID, alias) {
			aliases = append(aliases, alias)
		}
	}
	slices.Sort(aliases)
	p.Aliases = slices.Compact(aliases)
	return p
}

// primary returns the one network that a container can be given when it is
// created, or "" if its mode names none that the user made.
func (d *description) primary() string {
	mode := d.translate(d.HostConfig.Text("NetworkMode"))
	if _, attached := d.NetworkSettings.Networks[mode]; !attached || docker.IsPredefined(mode) {
		return ""
	}
	return mode
}

// attach brings a container that is not running into its networks. One whose
// network was removed and made again refers to the old one by id, and would
// not start.
func attach(ctx context.Context, engine *docker.Engine, live, want *description) error {
	for _, name := range slices.Sorted(maps.Keys(live.NetworkSettings.Networks)) {
		if _, wanted := want.NetworkSettings.Networks[name]; wanted {
			continue
		}
		if err := engine.Disconnect(ctx, name, live.ID); err != nil {
			return fmt.Errorf("detach from network %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want.NetworkSettings.Networks)) {
		right, attached, err := isAttached(ctx, engine, live, want, name)
		if err != nil {
			return err
		}
		if right {
			continue
		}
		if attached {
			if err := engine.Disconnect(ctx, name, live.ID); err != nil {
				return fmt.Errorf("detach from network %s: %w", name, err)
			}
		}
		if err := engine.Connect(ctx, name, live.ID, want.endpoint(name)); err != nil {
			return fmt.Errorf("attach to network %s: %w", name, err)
		}
	}
	return nil
}

// isAttached reports whether live is in the network as it should be, and
// whether it is in it at all.
func isAttached(ctx context.Context, engine *docker.Engine, live, want *description, name string) (right, attached bool, err error) {
	have, attached := live.NetworkSettings.Networks[name]
	if attached && docker.IsPredefined(name) {
		return true, true, nil
	}
	network, err := engine.Network(ctx, name)
	if errors.Is(err, kind.ErrGone) {
		return true, attached, nil // it was gone at the time of the snapshot too, or would have come back first
	}
	if err != nil {
		return false, attached, fmt.Errorf("look at network %s: %w", name, err)
	}
	// A container that has never run knows no ids of its networks.
	current := have.NetworkID == network.ID || have.NetworkID == ""
	same := endpointFact(live.endpoint(name)) == endpointFact(want.endpoint(name))
	return attached && current && same, attached, nil
}
