package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"dogear/kind"
)

// found describes containers that were found before, but for those that have
// ceased to exist since.
func (e *Engine) found(ctx context.Context, containers []kind.Item) ([]*Container, error) {
	members := make([]*Container, 0, len(containers))
	for _, c := range containers {
		m, err := e.Container(ctx, c.ID.Name)
		if errors.Is(err, kind.ErrGone) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", c.ID, err)
		}
		members = append(members, m)
	}
	return members, nil
}

// FindServers asks what servers there are in each of the containers among the
// items, under the name that such a server has.
func (c *Connector) FindServers(ctx context.Context, found []kind.Item, in func(engine *Engine, c *Container, name string) ([]kind.Item, error)) ([]kind.Item, error) {
	containers := slices.DeleteFunc(slices.Clone(found), func(i kind.Item) bool { return i.ID.Kind != "container" })
	if len(containers) == 0 {
		return nil, nil
	}
	engine, err := c.Engine(ctx)
	if err != nil {
		return nil, err
	}
	members, err := engine.found(ctx, containers)
	if err != nil {
		return nil, err
	}
	var items []kind.Item
	for _, m := range members {
		inside, err := in(engine, m, serverName(m, members))
		if err != nil {
			return nil, err
		}
		items = append(items, inside...)
	}
	slices.SortFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) })
	return items, nil
}

// serverName names the server in a container: the Compose service, or the
// container's name where there are several of that service.
func serverName(c *Container, members []*Container) string {
	service := serviceOf(c)
	same := 0
	for _, m := range members {
		if serviceOf(m) == service {
			same++
		}
	}
	if service == "" || same > 1 {
		return c.Name
	}
	return service
}

// serviceOf returns "" for one-off containers of a service.
func serviceOf(c *Container) string {
	labels := c.Labels()
	if labels[LabelOneOff] == "True" {
		return ""
	}
	return labels[LabelService]
}

// Variables returns the container's environment by name.
func (c *Container) Variables() map[string]string {
	vars := make(map[string]string)
	for _, e := range c.Env() {
		name, value, _ := strings.Cut(e, "=")
		vars[name] = value
	}
	return vars
}

// CommandLine returns what the container runs.
func (c *Container) CommandLine() []string {
	var entrypoint, command []string
	c.Config.Decode("Entrypoint", &entrypoint)
	c.Config.Decode("Cmd", &command)
	return slices.Concat(entrypoint, command)
}

// Addresses returns the container's addresses in its networks.
func (c *Container) Addresses() []string {
	var addresses []string
	for _, n := range c.NetworkSettings.Networks {
		if net.ParseIP(n.IPAddress) != nil {
			addresses = append(addresses, n.IPAddress)
		}
	}
	slices.Sort(addresses)
	return addresses
}

// Poll calls f until it is done. When ctx ends it returns what f said last
// while there was time.
func Poll(ctx context.Context, f func() (done bool, err error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		done, err := f()
		if done {
			return err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(last, ctx.Err())
		case <-tick.C:
		}
	}
}
