package mongodb

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// defaultDir is where a server has its files unless it is told otherwise.
const defaultDir = "/data/db"

// server is a MongoDB server in a container.
type server struct {
	engine    *docker.Engine
	container *docker.Container
	dir       string
	running   bool
}

// serverIn returns the server that runs in a container, or that would run if
// the container were started; nil if there is none.
func serverIn(ctx context.Context, engine *docker.Engine, c *docker.Container) (*server, error) {
	s := &server{engine: engine, container: c}
	argv := c.CommandLine()
	if c.State.Running && !c.State.Paused && !c.State.Restarting {
		processes, err := engine.Processes(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("list the processes of %s: %w", c.Name, err)
		}
		i := slices.IndexFunc(processes, func(p docker.Process) bool { return isServer(strings.Fields(p.Argv)) })
		if i >= 0 {
			s.running, argv = true, strings.Fields(processes[i].Argv)
		}
	}
	if !s.running && !slices.ContainsFunc(argv, func(word string) bool { return path.Base(word) == program }) {
		return nil, nil
	}
	s.dir = s.directory(ctx, argv)
	return s, nil
}

const program = "mongod"

func isServer(argv []string) bool { return len(argv) > 0 && path.Base(argv[0]) == program }

// maxConfig bounds how much of a configuration file is read.
const maxConfig = 1 << 20

// directory takes the data directory from a command line, or from the
// configuration file that it names.
func (s *server) directory(ctx context.Context, argv []string) string {
	var config string
	for i, word := range argv {
		key, value, ok := strings.Cut(word, "=")
		if !ok && i+1 < len(argv) {
			value = argv[i+1]
		}
		switch key {
		case "--dbpath":
			return value
		case "--config", "-f":
			config = value
		}
	}
	if config != "" {
		if text, err := s.engine.ReadFile(ctx, s.container.ID, config, maxConfig); err == nil {
			if dir := dbPath(string(text)); dir != "" {
				return dir
			}
		}
	}
	return defaultDir
}

// dbPath returns storage.dbPath of a configuration file, of the present format
// or of the old one (dbpath=).
func dbPath(config string) string {
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		for _, key := range []string{"dbPath:", "dbpath=", "dbpath ="} {
			if value, ok := strings.CutPrefix(line, key); ok {
				return strings.Trim(strings.TrimSpace(value), `"'`)
			}
		}
	}
	return ""
}

// version asks the program beside the server.
func (s *server) version(ctx context.Context) (string, error) {
	var said bytes.Buffer
	code, err := s.engine.Exec(ctx, s.container.ID, docker.Command{Argv: []string{program, "--version"}, Stdout: &said})
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	line, _, _ := strings.Cut(said.String(), "\n")
	version, ok := strings.CutPrefix(line, "db version v")
	if code != 0 || !ok {
		return "unknown", nil
	}
	return strings.TrimSpace(version), nil
}

// claims lists the files that the server rewrites by itself: all of its
// directory but hidden ones.
func (s *server) claims(container kind.ID, found []kind.Item) []kind.Claim {
	on, inside := docker.TreeOf(s.dir, container, s.container, found)
	if on.IsZero() {
		return nil
	}
	return []kind.Claim{{On: on, Paths: []kind.Pattern{kind.Pattern(path.Join(docker.Literal(inside), "[^.]*"))}}}
}
