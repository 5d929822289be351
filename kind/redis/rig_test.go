package redis_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/redis"
)

const wait = time.Minute

// rig is a driver with one real server to work on.
type rig struct {
	*testing.T
	driver    *redis.Driver
	ws        *kind.Workspace
	container string
	named     *kind.Item // of a server in no container
	store     *kindtest.Memory
}

func newRig(t *testing.T, arguments ...string) *rig {
	t.Helper()
	return rigOn(t, testbed.Redis(t, "bookworm", nil, arguments...))
}

func rigOn(t *testing.T, container string) *rig {
	t.Helper()
	return &rig{
		T: t, driver: redis.New(connector(t)), container: container,
		ws: kindtest.Workspace(t.TempDir()), store: kindtest.NewMemory(),
	}
}

func connector(t *testing.T) *docker.Connector {
	t.Helper()
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	return engines
}

func found(container string) []kind.Item {
	return []kind.Item{{ID: kind.ID{Kind: "container", Name: container}}}
}

func (r *rig) item() kind.Item {
	r.Helper()
	if r.named != nil {
		return *r.named
	}
	items, err := r.driver.Find(r.Context(), r.ws, found(r.container))
	require.NoError(r, err)
	require.Len(r, items, 1)
	return items[0]
}

func (r *rig) do(commands string) string {
	r.Helper()
	return strings.TrimSpace(testbed.RedisDo(r.T, r.container, commands))
}

// facts returns the facts that are not settings: those are many.
func (r *rig) facts() map[string]string {
	r.Helper()
	return state(r.allFacts())
}

func (r *rig) allFacts() []kind.Fact {
	r.Helper()
	return kindtest.Collect(r.T, r.driver.Inspect(r.Context(), r.ws, r.item()))
}

func state(facts []kind.Fact) map[string]string {
	byName := make(map[string]string)
	for _, f := range facts {
		if !strings.HasPrefix(f.Name, "setting ") {
			byName[f.Name] = f.Value
		}
	}
	return byName
}

// take captures as the engine does, and returns the part with its facts.
func (r *rig) take(whileHeld func()) (kind.Part, []kind.Fact) {
	r.Helper()
	item := r.item()
	c, err := r.driver.Open(r.Context(), r.ws, item, r.store)
	require.NoError(r, err)
	defer func() { require.NoError(r, c.Close()) }()
	if p, ok := c.(kind.Preparer); ok {
		require.NoError(r, p.Prepare(r.Context()))
	}
	if h, ok := c.(kind.Holder); ok {
		require.NoError(r, h.Hold(r.Context()))
	}
	require.NoError(r, c.Take(r.Context()))
	if whileHeld != nil {
		whileHeld()
	}
	part, err := c.Finish(r.Context())
	require.NoError(r, err)
	part.Needs, part.RunsIn, part.Claims = item.Needs, item.RunsIn, item.Claims
	return part, kindtest.Collect(r.T, part.Facts)
}

// restart stops the server as Docker does, with SIGTERM, and starts it.
func (r *rig) restart() {
	r.Helper()
	testbed.Docker(r.T, "stop", r.container)
	testbed.Docker(r.T, "start", r.container)
}

func (r *rig) start(part kind.Part) {
	r.Helper()
	require.NoError(r, r.driver.Start(r.Context(), r.ws, part, r.store))
	require.NoError(r, r.driver.WaitHealthy(r.Context(), r.ws, part, r.store))
}

func (r *rig) value(facts []kind.Fact, name string) string {
	r.Helper()
	i := slices.IndexFunc(facts, func(f kind.Fact) bool { return f.Name == name })
	require.GreaterOrEqual(r, i, 0, "no fact %q in %v", name, facts)
	return facts[i].Value
}

// everything is a command for each thing there is, small and large.
var everything = func() string {
	var b strings.Builder
	b.WriteString(`set plain value
set number 12345
set wide 1234567890123
set "bin\x00\xff\n key" "\x00\x01\xfe"
set empty ""
set long "` + strings.Repeat("abc ", 5000) + `"
setbit bits 70000 1
append raw "no repetition: 0123456789abcdefghijklmnopqrstuvwxyz"
rpush list a b c 1 -5 300 70000 -9000000 5000000000 "" a
rpush big:list "` + strings.Repeat("x", 10000) + `" tail
sadd ints 1 2 3 -70000
sadd wide:ints 5000000000 -5000000000
sadd words alpha beta "" gamma
hset hash field value n 1 "" empty
hset big:hash field "` + strings.Repeat("y", 500) + `"
zadd zset 1 one 2.5 two -inf low inf high 1e300 huge
zadd big:zset 1.5 "` + strings.Repeat("z", 500) + `"
xadd stream 1-1 a 1 b 2
xadd stream 2-1 a 3 b 4
xadd stream 3-1 other field
xadd stream 4-1 a 5 b 6
xdel stream 2-1
xgroup create stream readers 0
xreadgroup group readers ann count 2 streams stream >
xack stream readers 1-1
xgroup create stream idle $
pfadd hll a b c
geoadd geo 13.36 38.11 Palermo
function load "#!lua name=shop\nredis.register_function('hi', function() return 'hi' end)"
`)
	for i := range 300 {
		n := strings.Repeat("k", i%7) + string(rune('a'+i%26)) + strings.Repeat("v", i)
		b.WriteString("sadd many:set " + n + "\nhset many:hash " + n + " " + n + "\nzadd many:zset " + strings.Repeat("1", 1+i%9) + " " + n + "\nrpush many:list " + n + "\n")
	}
	b.WriteString("select 3\nset elsewhere 1\nset mortal 1 pxat 4102444800123\nhset mortal:hash a 1\npexpireat mortal:hash 4102444800456\n")
	return b.String()
}()
