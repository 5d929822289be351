package redis

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"dogear/internal/docker"
	"dogear/kind"
)

// startTime is how long a server that is just starting is waited for.
const startTime = 20 * time.Second

// Find lists the servers in the workspace's containers, and those that
// dogear.yaml names.
func (d *Driver) Find(ctx context.Context, ws *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	items, err := d.findByAddress(ws)
	if err != nil {
		return nil, err
	}
	inside, err := d.engines.FindServers(ctx, found, func(engine *docker.Engine, c *docker.Container, name string) ([]kind.Item, error) {
		item, err := findIn(ctx, ws, engine, c, found)
		if err != nil || item == nil {
			return nil, err
		}
		item.ID = kind.ID{Kind: Kind, Name: name}
		return []kind.Item{*item}, nil
	})
	items = append(items, inside...)
	slices.SortFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) })
	return items, err
}

func findIn(ctx context.Context, ws *kind.Workspace, engine *docker.Engine, c *docker.Container, found []kind.Item) (*kind.Item, error) {
	container := kind.ID{Kind: "container", Name: c.Name}
	known := loadRecord(ws, container)
	s, err := serverIn(ctx, engine, c, known.Dir != "")
	if err != nil || s == nil {
		return nil, err
	}
	asked, err := s.ask(ctx)
	switch {
	case err == nil:
		if err := asked.save(ws, container); err != nil {
			return nil, fmt.Errorf("remember the server: %w", err)
		}
		known = asked
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case known.Dir == "": // Inspect and Open say why it cannot be asked
		known = s.guess(ctx)
	}
	return &kind.Item{RunsIn: container, Needs: []kind.ID{container}, Claims: known.claims(container, c, found)}, nil
}

// ask asks the server where its files are. A server that is loading is given
// some time.
func (s *server) ask(ctx context.Context) (record, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var c *client
	err := docker.Poll(ctx, func() (done bool, err error) {
		c, err = s.connect(ctx)
		return !isLoading(err), err
	})
	if err != nil {
		return record{}, err
	}
	defer c.hangUp()
	settings := make(map[string]string)
	for _, name := range []string{"dir", "dbfilename", "append*", "cluster-config-file"} {
		some, err := c.ConfigGet(ctx, name).Result()
		if err != nil {
			return record{}, fmt.Errorf("ask for the configuration: %w", err)
		}
		for k, v := range some {
			settings[k] = v
		}
	}
	return filesOf(settings), nil
}

// guess takes from the command line what a server that was never asked would
// say.
func (s *server) guess(ctx context.Context) record {
	settings := map[string]string{"dir": s.container.Config.Text("WorkingDir")}
	for _, d := range directives(s.container.CommandLine(), func(file string) ([]byte, error) {
		return s.engine.ReadFile(ctx, s.container.ID, file, maxConfig)
	}) {
		if len(d) > 1 {
			settings[d[0]] = d[1]
		}
	}
	if !strings.HasPrefix(settings["dir"], "/") {
		settings["dir"] = path.Join("/", s.container.Config.Text("WorkingDir"), settings["dir"])
	}
	return filesOf(settings)
}

// filesOf lists the files that a server writes by itself, those of its
// children among them. Configuration and access lists are not among them.
func filesOf(settings map[string]string) record {
	or := func(name, otherwise string) string {
		if v := settings[name]; v != "" {
			return docker.Literal(v)
		}
		return otherwise
	}
	appended := or("appendfilename", "appendonly.aof")
	r := record{Dir: settings["dir"], Files: []string{
		or("dbfilename", "dump.rdb"), appended, or("appenddirname", "appendonlydir"), or("cluster-config-file", "nodes.conf"),
		"temp-*.rdb", "temp-*.aof", "temp-" + appended, "temp-rewriteaof-*",
	}}
	slices.Sort(r.Files)
	r.Files = slices.Compact(r.Files)
	return r
}

// claims lists the paths for which the server's facts stand, if its directory
// is in a tree that is captured.
func (r record) claims(container kind.ID, c *docker.Container, found []kind.Item) []kind.Claim {
	on, inside := docker.TreeOf(r.Dir, container, c, found)
	if on.IsZero() {
		return nil
	}
	claim := kind.Claim{On: on}
	for _, name := range r.Files {
		claim.Paths = append(claim.Paths, kind.Pattern(path.Join(docker.Literal(inside), name)))
	}
	return []kind.Claim{claim}
}
