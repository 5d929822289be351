// Package network is the driver for networks. Which containers are attached
// to one is said by the containers.
package network

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"dogear/internal/docker"
	"dogear/kind"
)

// Kind is the kind of the driver's items.
const Kind = "network"

// settingsObject is the object of a part.
const settingsObject = "settings"

// Driver finds, captures and restores networks.
type Driver struct {
	engines *docker.Connector
	now     func() time.Time
}

var (
	_ kind.Driver    = (*Driver)(nil)
	_ kind.Previewer = (*Driver)(nil)
	_ kind.Follower  = (*Driver)(nil)
)

// New returns a driver that works on the given engine.
func New(engines *docker.Connector) *Driver { return &Driver{engines: engines, now: time.Now} }

// Kind returns "network".
func (d *Driver) Kind() string { return Kind }

// Find lists the networks that the containers found before are attached to.
func (d *Driver) Find(ctx context.Context, _ *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	return docker.Present(docker.Needed(found, Kind), func(id kind.ID) error {
		_, _, err := d.look(ctx, id)
		return err
	})
}

// Inspect returns the settings of a network.
func (d *Driver) Inspect(ctx context.Context, _ *kind.Workspace, item kind.Item) kind.Facts {
	_, live, err := d.look(ctx, item.ID)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return kind.Stream(facts(live))
}

func (d *Driver) look(ctx context.Context, id kind.ID) (*docker.Engine, *docker.Network, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return nil, nil, err
	}
	live, err := engine.Network(ctx, id.Name)
	return engine, live, err
}

func facts(n *docker.Network) []kind.Fact {
	facts := []kind.Fact{
		{Name: "driver", Value: n.Driver},
		{Name: "internal", Value: strconv.FormatBool(n.Internal)},
		{Name: "attachable", Value: strconv.FormatBool(n.Attachable)},
		{Name: "ipv6", Value: strconv.FormatBool(n.EnableIPv6)},
		{Name: "ipam driver", Value: n.IPAM.Driver},
	}
	for k, v := range n.Options {
		facts = append(facts, kind.Fact{Name: "option " + k, Value: v})
	}
	for k, v := range n.Labels {
		facts = append(facts, kind.Fact{Name: "label " + k, Value: v})
	}
	if n.HasChosenAddresses() {
		facts = append(facts, addressFacts(n.IPAM)...)
	}
	return facts
}

func addressFacts(ipam docker.IPAM) []kind.Fact {
	var facts []kind.Fact
	for k, v := range ipam.Options {
		facts = append(facts, kind.Fact{Name: "ipam option " + k, Value: v})
	}
	for _, s := range ipam.Config {
		var auxiliary []string
		for name, address := range s.AuxiliaryAddresses {
			auxiliary = append(auxiliary, name+":"+address)
		}
		slices.Sort(auxiliary)
		value := kind.Attributes("range", "ip-range", s.IPRange, "gateway", s.Gateway, "auxiliary", strings.Join(auxiliary, ","))
		facts = append(facts, kind.Fact{Name: "subnet " + s.Subnet, Value: value})
	}
	return facts
}
