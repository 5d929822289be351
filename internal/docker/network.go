package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"dogear/kind"
)

// Network is a network as the engine describes it.
type Network struct {
	ID         string `json:"-"`
	Name       string
	Driver     string
	Internal   bool
	Attachable bool
	EnableIPv6 bool
	IPAM       IPAM
	Options    map[string]string
	Labels     map[string]string
}

// IPAM is how a network hands out addresses.
type IPAM struct {
	Driver  string
	Options map[string]string
	Config  []Subnet
}

// Subnet is one range of addresses of a network.
type Subnet struct {
	Subnet             string            `json:",omitempty"`
	IPRange            string            `json:",omitempty"`
	Gateway            string            `json:",omitempty"`
	AuxiliaryAddresses map[string]string `json:",omitempty"`
}

// predefined are the networks that every engine has.
var predefined = []string{"bridge", "host", "none", "nat", "default"}

// IsPredefined reports whether every engine has a network of that name.
func IsPredefined(name string) bool { return slices.Contains(predefined, name) }

// ErrSeveral says that a name means more than one network.
var ErrSeveral = errors.New("several networks have one name")

// Network describes a network given by name. It returns kind.ErrGone if there
// is none, and ErrSeveral if there are several: names are not unique.
func (e *Engine) Network(ctx context.Context, name string) (*Network, error) {
	listed, err := e.api.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	var found []string
	for _, n := range listed {
		if n.Name == name {
			found = append(found, n.ID)
		}
	}
	switch len(found) {
	case 0:
		return nil, kind.ErrGone
	case 1:
		return e.networkByID(ctx, found[0])
	}
	slices.Sort(found)
	return nil, fmt.Errorf("%w: %s is that of %s; remove all but one (docker network rm ID)", ErrSeveral, name, strings.Join(found, ", "))
}

func (e *Engine) networkByID(ctx context.Context, id string) (*Network, error) {
	_, raw, err := e.api.NetworkInspectWithRaw(ctx, id, network.InspectOptions{})
	if err != nil {
		return nil, gone(err)
	}
	described := struct {
		*Network
		ID string `json:"Id"`
	}{Network: &Network{}}
	if err := json.Unmarshal(raw, &described); err != nil {
		return nil, fmt.Errorf("read the engine's description of a network: %w", err)
	}
	described.Network.ID = described.ID
	return described.Network, nil
}

// HasChosenAddresses reports whether the user chose the network's addresses.
// The engine does not say so: what looks like its own choice (one IPv4 range
// out of its pools, the first address as gateway) is taken for that.
func (n *Network) HasChosenAddresses() bool {
	if len(n.IPAM.Config) != 1 || len(n.IPAM.Options) > 0 {
		return len(n.IPAM.Config) > 0 || len(n.IPAM.Options) > 0
	}
	c := n.IPAM.Config[0]
	subnet, err := netip.ParsePrefix(c.Subnet)
	if err != nil || c.IPRange != "" || len(c.AuxiliaryAddresses) > 0 {
		return true
	}
	return c.Gateway != subnet.Masked().Addr().Next().String() || !fromPool(subnet)
}

// fromPool reports whether an engine with its default settings hands out the
// range by itself: 172.17.0.0/16 to 172.31.0.0/16, and the /20s of 192.168.
func fromPool(p netip.Prefix) bool {
	a := p.Addr().As16()
	b := a[12:]
	switch {
	case !p.Addr().Is4():
		return false
	case b[0] == 172 && b[1] >= 17 && b[1] <= 31:
		return p.Bits() == 16
	case b[0] == 192 && b[1] == 168:
		return p.Bits() == 20
	}
	return false
}

// Overlapping lists the networks of other names that have addresses in common
// with a network, sorted.
func (e *Engine) Overlapping(ctx context.Context, n Network) ([]string, error) {
	listed, err := e.api.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	var names []string
	for _, other := range listed {
		overlaps := func(theirs network.IPAMConfig) bool {
			return slices.ContainsFunc(n.IPAM.Config, func(ours Subnet) bool { return overlap(ours.Subnet, theirs.Subnet) })
		}
		if other.Name != n.Name && slices.ContainsFunc(other.IPAM.Config, overlaps) {
			names = append(names, other.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func overlap(a, b string) bool {
	p, err := netip.ParsePrefix(a)
	if err != nil {
		return false
	}
	q, err := netip.ParsePrefix(b)
	return err == nil && p.Overlaps(q)
}

// CreateNetwork creates a network with the given IPAM configuration; a nil
// configuration lets the engine choose.
func (e *Engine) CreateNetwork(ctx context.Context, n Network, subnets []Subnet) error {
	options := network.CreateOptions{
		Driver: n.Driver, Internal: n.Internal, Attachable: n.Attachable, EnableIPv6: &n.EnableIPv6,
		Options: n.Options, Labels: n.Labels,
		IPAM: &network.IPAM{Driver: n.IPAM.Driver, Options: n.IPAM.Options},
	}
	for _, s := range subnets {
		options.IPAM.Config = append(options.IPAM.Config, network.IPAMConfig{
			Subnet: s.Subnet, IPRange: s.IPRange, Gateway: s.Gateway, AuxAddress: s.AuxiliaryAddresses,
		})
	}
	return uncut(ctx, func(ctx context.Context) error {
		_, err := e.api.NetworkCreate(ctx, n.Name, options)
		return err
	})
}

// RemoveNetwork removes a network, given by id, that no running container uses.
func (e *Engine) RemoveNetwork(ctx context.Context, id string) error {
	return gone(uncut(ctx, func(ctx context.Context) error { return e.api.NetworkRemove(ctx, id) }))
}

// Attached returns the containers, running or not, that are attached to the
// network with the given id, sorted by name.
func (e *Engine) Attached(ctx context.Context, networkID string) ([]*Container, error) {
	listed, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("network", networkID))})
	if err != nil {
		return nil, fmt.Errorf("list the containers in a network: %w", err)
	}
	var attached []*Container
	for _, summary := range listed {
		c, err := e.Container(ctx, summary.ID)
		if err != nil {
			return nil, fmt.Errorf("look at container %s: %w", summary.ID, err)
		}
		attached = append(attached, c)
	}
	slices.SortFunc(attached, func(a, b *Container) int { return strings.Compare(a.Name, b.Name) })
	return attached, nil
}

// endpointRequest is what an endpoint is asked for with. The engine fills in
// the rest, and takes what it filled in before for the user's wish.
type endpointRequest struct {
	IPAMConfig *AddressConfig    `json:",omitempty"`
	Links      []string          `json:",omitempty"`
	Aliases    []string          `json:",omitempty"`
	DriverOpts map[string]string `json:",omitempty"`
	GwPriority int               `json:",omitempty"`
}

func (p Endpoint) request() endpointRequest {
	return endpointRequest{IPAMConfig: p.IPAMConfig, Links: p.Links, Aliases: p.Aliases, DriverOpts: p.DriverOpts, GwPriority: p.GwPriority}
}

// Connect attaches a container to a network.
func (e *Engine) Connect(ctx context.Context, networkName, ref string, p Endpoint) error {
	settings := &network.EndpointSettings{Links: p.Links, Aliases: p.Aliases, DriverOpts: p.DriverOpts, GwPriority: p.GwPriority}
	if p.IPAMConfig != nil {
		settings.IPAMConfig = &network.EndpointIPAMConfig{
			IPv4Address: p.IPAMConfig.IPv4Address, IPv6Address: p.IPAMConfig.IPv6Address, LinkLocalIPs: p.IPAMConfig.LinkLocalIPs,
		}
	}
	return uncut(ctx, func(ctx context.Context) error { return e.api.NetworkConnect(ctx, networkName, ref, settings) })
}

// Disconnect detaches a container from a network.
func (e *Engine) Disconnect(ctx context.Context, networkName, ref string) error {
	return uncut(ctx, func(ctx context.Context) error { return e.api.NetworkDisconnect(ctx, networkName, ref, true) })
}
