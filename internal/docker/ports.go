package docker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"

	"dogear/kind"
)

// PortHolders knows who holds the ports of the engine's host.
type PortHolders struct {
	local      bool
	members    map[port]bool
	containers map[port]string
}

type port struct {
	protocol string
	number   string
}

// PortHolders asks the engine which ports its running containers hold.
func (e *Engine) PortHolders(ctx context.Context, ws *kind.Workspace) (*PortHolders, error) {
	included, err := includedNames(ws)
	if err != nil {
		return nil, err
	}
	listed, err := e.api.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	h := &PortHolders{local: e.Local(), members: make(map[port]bool), containers: make(map[port]string)}
	for _, c := range listed {
		for _, p := range c.Ports {
			held := port{p.Type, strconv.Itoa(int(p.PublicPort))}
			if isMember(c, ws.Root, included) {
				h.members[held] = true
			} else if len(c.Names) > 0 {
				h.containers[held] = "container " + strings.TrimPrefix(c.Names[0], "/")
			}
		}
	}
	return h, nil
}

// HasAddress reports whether the host has the address of a binding, as far as
// that can be known.
func (h *PortHolders) HasAddress(b Binding) bool {
	wanted, err := netip.ParseAddr(b.HostIP)
	if err != nil || !h.local || wanted.IsUnspecified() || wanted.IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(addresses, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr() == wanted
	})
}

// Holder returns who keeps a binding from being made, or "". What a member of
// the workspace holds is not counted.
func (h *PortHolders) Holder(protocol string, b Binding) string {
	wanted := port{protocol, b.HostPort}
	if b.HostPort == "" || b.HostPort == "0" || h.members[wanted] {
		return ""
	}
	if holder := h.containers[wanted]; holder != "" {
		return holder
	}
	if !h.local {
		return ""
	}
	return portUser(protocol, b)
}
