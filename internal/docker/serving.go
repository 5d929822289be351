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

// Found describes containers that were found before, but for those that have
// ceased to exist since.
func (e *Engine) Found(ctx context.Context, containers []kind.Item) ([]*Container, error) {
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

// ServerName names the server in a container: the Compose service, or the
// container's name where there are several of that service.
func ServerName(c *Container, members []*Container) string {
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
