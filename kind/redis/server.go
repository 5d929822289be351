package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/internal/dsn"
	"dogear/kind"
)

const defaultPort = "6379"

// programs are the names of the server's program.
var programs = []string{"redis-server", "valkey-server"}

// server is a Redis server in a container, or one that dogear.yaml names.
type server struct {
	engine    *docker.Engine
	container *docker.Container
	port      string
	socket    string // if it listens on none but a socket in the container
	// address is where it is, if it is in no container.
	address *address
	// down says why the server cannot be asked; nil if it runs.
	down error
}

// errDown is a server that cannot be asked for another reason than that it
// is stopped. To the engines that is the same.
type errDown struct{ reason string }

func (e errDown) Error() string        { return "its server cannot be asked: " + e.reason }
func (e errDown) Is(target error) bool { return target == kind.ErrNotRunning }

// serverIn returns the server that runs in a container, or that would run if
// the container were started; nil if there is none. known says that there was
// one the last time.
func serverIn(ctx context.Context, engine *docker.Engine, container *docker.Container, known bool) (*server, error) {
	s := &server{engine: engine, container: container, port: defaultPort}
	switch {
	case container.State.Paused:
		s.down = errDown{"its container is paused"}
	case !container.State.Running || container.State.Restarting:
		s.down = kind.ErrNotRunning
	default:
		return s.ifItRuns(ctx, known)
	}
	return s.ifItIsMeantTo(known), nil
}

// ifItRuns looks for the server among the processes of a running container.
func (s *server) ifItRuns(ctx context.Context, known bool) (*server, error) {
	processes, err := s.engine.Processes(ctx, s.container.ID)
	if err != nil {
		return nil, fmt.Errorf("list the processes of %s: %w", s.container.Name, err)
	}
	for _, p := range processes {
		if isServer(p.Argv) {
			s.readTitle(p.Argv)
			return s, nil
		}
	}
	s.down = errDown{"its container runs, but the server in it does not"}
	return s.ifItIsMeantTo(known), nil
}

// ifItIsMeantTo tells by the command line whether a container that is not
// running is meant to run a server.
func (s *server) ifItIsMeantTo(known bool) *server {
	if known || slices.ContainsFunc(s.container.CommandLine(), func(word string) bool { return slices.Contains(programs, path.Base(word)) }) {
		return s
	}
	return nil
}

// isServer tells a server from its children, which have other names, and from
// a sentinel. The server writes its address behind its name.
func isServer(argv string) bool {
	words := strings.Fields(argv)
	return len(words) > 0 && slices.Contains(programs, path.Base(words[0])) && !strings.Contains(argv, "[sentinel]") &&
		!slices.Contains(words, "--sentinel")
}

// readTitle takes the address from how the server calls itself:
// "redis-server *:6379 [cluster]".
func (s *server) readTitle(argv string) {
	words := strings.Fields(argv)
	if len(words) < 2 {
		return
	}
	if socket, ok := strings.CutPrefix(words[1], "unixsocket:"); ok {
		s.socket = socket
		return
	}
	if _, port, err := net.SplitHostPort(words[1]); err == nil {
		s.port = port
		return
	}
	if i := strings.LastIndexByte(words[1], ':'); i >= 0 { // an IPv6 address without brackets
		s.port = words[1][i+1:]
	}
}

// logins lists the users to try.
func (s *server) logins(ctx context.Context) []login {
	if s.address != nil {
		return []login{s.address.login}
	}
	return logins(s.container.Variables(), s.container.CommandLine(), func(file string) ([]byte, error) {
		return s.engine.ReadFile(ctx, s.container.ID, file, maxConfig)
	})
}

// dialer opens a connection to a server.
type dialer func(ctx context.Context) (net.Conn, error)

// dialers lists how the server may be reached: at the container's addresses,
// at ports of this host, and from inside the container.
func (s *server) dialers() []dialer {
	if s.address != nil {
		return []dialer{s.address.dial}
	}
	var out []dialer
	over := func(host, port string) {
		out = append(out, func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		})
	}
	if s.engine.Local() && s.socket == "" {
		for _, address := range s.container.Addresses() {
			over(address, s.port)
		}
		for _, b := range s.container.NetworkSettings.Ports[s.port+"/tcp"] {
			host := b.HostIP
			if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			over(host, b.HostPort)
		}
	}
	return append(out, func(ctx context.Context) (net.Conn, error) { return s.dialInside(ctx), nil })
}

// server returns the server of an item.
func (d *Driver) server(ctx context.Context, ws *kind.Workspace, item kind.Item) (*server, error) {
	container := item.RunsIn
	if container.IsZero() {
		named, err := dsn.Named(ws, item.ID)
		if err != nil {
			return nil, errDown{err.Error()}
		}
		return byAddress(ws, named)
	}
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return nil, err
	}
	c, err := engine.Container(ctx, container.Name)
	if err != nil {
		return nil, err
	}
	s, err := serverIn(ctx, engine, c, loadRecord(ws, container).Dir != "")
	if err == nil && s == nil {
		err = kind.ErrGone
	}
	return s, err
}

var errNoAnswer = errors.New("nothing there answers as Redis does")
