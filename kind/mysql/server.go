package mysql

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// defaultPort is where servers listen, and defaultDataDir where they put
// their data, unless they are told otherwise.
const (
	defaultPort    = 3306
	defaultDataDir = "/var/lib/mysql"
)

// server is a MariaDB or MySQL server: in a container, or at an address.
type server struct {
	address   *address // nil: it is in a container
	engine    *docker.Engine
	container *docker.Container
	dataDir   string // in the container
	socket    string // likewise, if the command line names it
	port      int
	run       string // stands for one run of the server
	// down says why the server cannot be asked; nil if it runs.
	down error
}

// errDown is a server that cannot be asked for another reason than that it
// is stopped. To the engines that is the same.
type errDown struct{ reason string }

func (e errDown) Error() string        { return "its server cannot be asked: " + e.reason }
func (e errDown) Is(target error) bool { return target == kind.ErrNotRunning }

// serverIn returns the server that runs in a container, or that would run if
// the container were started; nil if there is none. known is what was known
// about it the last time.
func serverIn(ctx context.Context, engine *docker.Engine, container *docker.Container, known record) (*server, error) {
	s := &server{engine: engine, container: container, port: defaultPort, dataDir: known.DataDir}
	switch {
	case container.State.Paused:
		s.down = errDown{"its container is paused"}
		return s.ifItHasData(ctx)
	case !container.State.Running || container.State.Restarting:
		s.down = kind.ErrNotRunning
		return s.ifItHasData(ctx)
	}
	return s.ifItRuns(ctx)
}

// ifItRuns looks for the server among the processes of a running container.
func (s *server) ifItRuns(ctx context.Context) (*server, error) {
	processes, err := s.engine.Processes(ctx, s.container.ID)
	if err != nil {
		return nil, fmt.Errorf("list the processes of %s: %w", s.container.Name, err)
	}
	for _, p := range processes {
		if isServer(p.Argv) {
			s.readArgv(strings.Fields(p.Argv))
			s.run = fmt.Sprintf("%s/%d", s.container.State.StartedAt, p.PID)
			return s, nil
		}
	}
	if s, err = s.ifItHasData(ctx); s != nil {
		s.down = errDown{"its container runs, but the server in it does not"}
	}
	return s, err
}

// dataMarks are files that a data directory has, of MariaDB or of MySQL.
var dataMarks = []string{"aria_log_control", "auto.cnf"}

// ifItHasData tells by the data directory whether a container that is not
// running is meant to run a server.
func (s *server) ifItHasData(ctx context.Context) (*server, error) {
	if !s.mentionsServer() {
		return nil, nil
	}
	s.readArgv(s.container.CommandLine())
	if s.dataDir == "" {
		s.dataDir = defaultDataDir
	}
	for _, mark := range dataMarks {
		_, err := s.engine.ReadFile(ctx, s.container.ID, path.Join(s.dataDir, mark), 16)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look for a data directory in %s: %w", s.container.Name, err)
		}
	}
	return nil, nil
}

// mentionsServer keeps containers that only mount the data of another (a
// backup job) from being taken for the server.
func (s *server) mentionsServer() bool {
	return s.dataDir != "" || slices.ContainsFunc(s.container.CommandLine(), func(words string) bool {
		return strings.Contains(words, "mysqld") || strings.Contains(words, "mariadbd")
	})
}

// isServer tells a server from what starts it (mysqld_safe) and from one that
// only prepares a data directory.
func isServer(argv string) bool {
	words := strings.Fields(argv)
	if len(words) == 0 || !slices.Contains([]string{"mariadbd", "mysqld"}, path.Base(words[0])) {
		return false
	}
	return !slices.ContainsFunc(words, func(w string) bool {
		return slices.Contains([]string{"--bootstrap", "--initialize", "--initialize-insecure", "--version", "-V", "--help"}, w)
	})
}

// readArgv takes the data directory, the socket and the port from a command
// line.
func (s *server) readArgv(argv []string) {
	for i, word := range argv {
		key, value, ok := strings.Cut(word, "=")
		if !ok && i+1 < len(argv) {
			value = argv[i+1]
		}
		switch key {
		case "--datadir", "-h":
			s.dataDir = value
		case "--socket", "-S":
			s.socket = value
		case "--port", "-P":
			if port, err := strconv.Atoi(value); err == nil {
				s.port = port
			}
		}
	}
}

// ways lists how the server may be reached: at the container's addresses, at
// ports of this host, and from inside the container.
func (s *server) ways(ctx context.Context) []way {
	if s.address != nil {
		return []way{s.address.way()}
	}
	logins := logins(s.container.Variables(), func(file string) ([]byte, error) {
		return s.engine.ReadFile(ctx, s.container.ID, file, 4096)
	})
	var ways []way
	add := func(w way) {
		for _, l := range logins {
			w.login = l
			ways = append(ways, w)
		}
	}
	if s.engine.Local() {
		for _, address := range s.container.Addresses() {
			add(way{address: net.JoinHostPort(address, strconv.Itoa(s.port))})
		}
		for _, b := range s.container.NetworkSettings.Ports[fmt.Sprintf("%d/tcp", s.port)] {
			add(publishedWay(b))
		}
	}
	add(way{address: "inside", dial: s.dialInside})
	return ways
}

func publishedWay(b docker.Binding) way {
	host := b.HostIP
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return way{address: net.JoinHostPort(host, b.HostPort)}
}
