package postgres

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

	"github.com/jackc/pgx/v5"

	"dogear/internal/docker"
	"dogear/kind"
)

// defaultPort is where servers listen, and defaultDataDir where images put
// their data, unless they are told otherwise.
const (
	defaultPort    = 5432
	defaultDataDir = "/var/lib/postgresql/data"
)

// server is a Postgres server in a container, or one that dogear.yaml names by
// an address.
type server struct {
	engine    *docker.Engine
	container *docker.Container
	address   string // a DSN with its secrets; "" for one in a container

	// dataDir is its data directory in the container.
	dataDir string
	port    uint16
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
	vars := container.Variables()
	if s.dataDir == "" {
		s.dataDir = vars["PGDATA"]
	}
	if port, err := strconv.ParseUint(vars["PGPORT"], 10, 16); err == nil {
		s.port = uint16(port)
	}
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
			return s, nil
		}
	}
	if s, err = s.ifItHasData(ctx); s != nil {
		s.down = errDown{"its container runs, but the server in it does not"}
	}
	return s, err
}

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
	_, err := s.engine.ReadFile(ctx, s.container.ID, path.Join(s.dataDir, "PG_VERSION"), 16)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for a data directory in %s: %w", s.container.Name, err)
	}
	return s, nil
}

// image is the id of the image that the server runs on, "" if there is none.
func (s *server) image() string {
	if s.container == nil {
		return ""
	}
	return s.container.Image
}

// mentionsServer keeps containers that only mount the data of another (a
// backup job) from being taken for the server.
func (s *server) mentionsServer() bool {
	if s.dataDir != "" {
		return true
	}
	return slices.ContainsFunc(s.container.CommandLine(), func(word string) bool { return strings.Contains(word, "postgres") })
}

// isServer tells a postmaster from its children, which call themselves
// "postgres: checkpointer", and from single-user servers.
func isServer(argv string) bool {
	words := strings.Fields(argv)
	if len(words) == 0 {
		return false
	}
	program := path.Base(words[0])
	if program != "postgres" && program != "postmaster" {
		return false
	}
	return len(words) == 1 || !slices.Contains([]string{"--single", "--boot", "--check", "--version", "-V"}, words[1])
}

// readArgv takes the data directory and the port from a command line.
func (s *server) readArgv(argv []string) {
	for i, word := range argv {
		next := ""
		if i+1 < len(argv) {
			next = argv[i+1]
		}
		switch {
		case word == "-D" || word == "--pgdata":
			s.dataDir = next
		case strings.HasPrefix(word, "-D"):
			s.dataDir = word[len("-D"):]
		case word == "-p":
			s.readPort(next)
		case strings.HasPrefix(word, "port="):
			s.readPort(word[len("port="):])
		}
	}
}

func (s *server) readPort(text string) {
	if port, err := strconv.ParseUint(text, 10, 16); err == nil {
		s.port = uint16(port)
	}
}

// ways lists how the server may be reached: at the container's addresses, at
// ports of this host, and from inside the container.
func (s *server) ways(ctx context.Context) []way {
	if s.address != "" {
		return []way{{address: s.address}}
	}
	logins := logins(s.container.Env(), func(file string) ([]byte, error) {
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
			add(way{host: address, port: s.port})
		}
		for _, b := range s.container.NetworkSettings.Ports[fmt.Sprintf("%d/tcp", s.port)] {
			add(publishedWay(b))
		}
	}
	add(way{host: "/inside", port: s.port, dial: s.inside().dial})
	return ways
}

func publishedWay(b docker.Binding) way {
	host := b.HostIP
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	port, _ := strconv.ParseUint(b.HostPort, 10, 16) // port 0 does not answer
	return way{host: host, port: uint16(port)}
}

// beside lists databases to log in to without being in the way of what is done
// to a database.
func (s *server) beside(database string) []string {
	names := []string{"postgres", "template1"}
	if s.address == "" {
		names = s.maintenance()
	} else if config, err := pgx.ParseConfig(s.address); err == nil && database == "" {
		names = append([]string{config.Database}, names...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == database })
}

func (s *server) inside() inside {
	user := s.container.Config.Text("User")
	if user == "" {
		user = "postgres"
	}
	return inside{engine: s.engine, container: s.container.ID, user: user, dataDir: s.dataDir}
}

// connect connects to one of the databases, the first that exists.
func (s *server) connect(ctx context.Context, databases ...string) (*pgx.Conn, way, error) {
	if s.down != nil {
		return nil, way{}, s.down
	}
	ways := s.ways(ctx)
	var (
		conn *pgx.Conn
		used way
		err  error
	)
	for _, database := range databases {
		if conn, used, err = connect(ctx, ways, database); !isUnknownDatabase(err) {
			break
		}
	}
	return conn, used, err
}

// maintenance lists databases that nearly every server has, for what belongs
// to no database.
func (s *server) maintenance() []string {
	if s.address != "" {
		return s.beside("")
	}
	vars := s.container.Variables()
	names := []string{"postgres"}
	for _, name := range []string{vars["POSTGRES_DB"], vars["POSTGRES_USER"], "template1"} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
