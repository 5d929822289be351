package postgres_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/postgres"
)

// rig is a driver with one real server to work on.
type rig struct {
	testing.TB
	driver    *postgres.Driver
	ws        *kind.Workspace
	container string
	items     []kind.Item
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return rigOn(t, testbed.Postgres(t).Container)
}

func rigOn(t testing.TB, container string) *rig {
	t.Helper()
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	r := &rig{
		TB: t, driver: postgres.New(engines), container: container,
		ws: &kind.Workspace{
			Root: t.TempDir(), Cache: memory{},
			Redact: func(s string) string { return kind.Sum([]byte("key" + s)).String()[:16] },
		},
	}
	r.find()
	return r
}

func (r *rig) find() {
	r.Helper()
	found := []kind.Item{{ID: kind.ID{Kind: "container", Name: r.container}}}
	items, err := r.driver.Find(r.Context(), r.ws, found)
	require.NoError(r, err)
	r.items = items
}

// item returns the item of a database, or of the server itself ("").
func (r *rig) item(database string) kind.Item {
	r.Helper()
	name := r.container
	if database != "" {
		name += "/" + database
	}
	i := slices.IndexFunc(r.items, func(item kind.Item) bool { return item.ID.Name == name })
	require.GreaterOrEqual(r, i, 0, "no item %s in %v", name, r.items)
	return r.items[i]
}

// facts returns all facts of all items, by item and name.
func (r *rig) facts() map[string]string {
	r.Helper()
	all := make(map[string]string)
	for _, item := range r.items {
		maps.Copy(all, r.factsOf(item))
	}
	return all
}

func (r *rig) factsOf(item kind.Item) map[string]string {
	r.Helper()
	return collect(r, item.ID, r.driver.Inspect(r.Context(), r.ws, item))
}

func collect(t require.TestingT, id kind.ID, facts kind.Facts) map[string]string {
	_, database, _ := strings.Cut(id.Name, "/")
	all := make(map[string]string)
	previous := ""
	for fact, err := range facts {
		require.NoError(t, err)
		require.Positive(t, kind.CompareNames(fact.Name, previous), "%q after %q", fact.Name, previous)
		previous = fact.Name
		all[database+": "+fact.Name] = fact.Value
	}
	return all
}

func (r *rig) sql(statements string) string {
	r.Helper()
	return testbed.SQL(r, r.container, statements)
}

// keepingFor is the workspace in a restore with a safety snapshot of that name.
func (r *rig) keepingFor(safety string) *kind.Workspace {
	ws := *r.ws
	ws.Safety = safety
	return &ws
}

// changed lists the names of facts that are not the same in both.
func changed(before, after map[string]string) []string {
	var names []string
	for name := range maps.Keys(merged(before, after)) {
		if before[name] != after[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// capture takes a part as the engine does, and returns it with its facts.
func (r *rig) capture(item kind.Item, store *chunks, whileHeld func()) (kind.Part, map[string]string) {
	r.Helper()
	ctx := r.Context()
	capture, err := r.driver.Open(ctx, r.ws, item, store)
	require.NoError(r, err)
	defer func() { require.NoError(r, capture.Close()) }()
	if p, ok := capture.(kind.Preparer); ok {
		require.NoError(r, p.Prepare(ctx))
	}
	if h, ok := capture.(kind.Holder); ok {
		require.NoError(r, h.Hold(ctx))
	}
	require.NoError(r, capture.Take(ctx))
	if whileHeld != nil {
		whileHeld()
	}
	part, err := capture.Finish(ctx)
	require.NoError(r, err)
	part.Needs, part.RunsIn, part.Claims = item.Needs, item.RunsIn, item.Claims
	return part, collect(r, item.ID, part.Facts)
}

// memory is a cache.
type memory map[string][]byte

func (m memory) Load(id kind.ID, name string) []byte { return m[id.String()+" "+name] }

func (m memory) Save(id kind.ID, name string, content []byte) error {
	m[id.String()+" "+name] = content
	return nil
}

// chunks is a sink, and the source of what it took.
type chunks struct {
	mu    sync.Mutex
	byID  map[kind.ChunkID][]byte // guarded by mu, while a capture is open
	added int                     // guarded by mu, as above
}

func newChunks() *chunks { return &chunks{byID: make(map[kind.ChunkID][]byte)} }

func (c *chunks) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := make([]bool, len(ids))
	for i, id := range ids {
		_, known[i] = c.byID[id]
	}
	return known, nil
}

func (c *chunks) Put(_ context.Context, content []byte) (kind.ChunkID, error) {
	id := kind.Sum(content)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byID[id]; !ok {
		c.byID[id] = slices.Clone(content)
		c.added += len(content)
	}
	return id, nil
}

func (c *chunks) Get(_ context.Context, id kind.ChunkID, _ []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id], nil
}
