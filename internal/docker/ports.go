package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

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
	if h.local && protocol == "tcp" && isTaken(b) {
		return "a process on this host"
	}
	return ""
}

// isTaken tries whether a port can be listened on.
func isTaken(b Binding) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort(b.HostIP, b.HostPort))
	if err == nil {
		_ = listener.Close() // was never used
		return false
	}
	return errors.Is(err, syscall.EADDRINUSE)
}
