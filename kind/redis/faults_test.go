package redis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// requireSilent captures a server that cannot be asked: a part without facts
// that says why, and no error.
func (r *rig) requireSilent(why string) {
	r.Helper()
	part, facts := r.take(nil)
	require.Empty(r, facts)
	require.Len(r, part.Gaps, 1)
	require.Contains(r, part.Gaps[0].Why, why)
	for _, err := range r.driver.Inspect(r.Context(), r.ws, r.item()) {
		require.ErrorIs(r, err, kind.ErrNotRunning)
	}
	change, err := r.driver.Preview(r.Context(), r.ws, part, r.store)
	require.NoError(r, err)
	require.Equal(r, kind.ActionNone, change.Action)
}

func TestServersThatCannotBeAsked(t *testing.T) {
	t.Run("password nowhere to be found", func(t *testing.T) {
		r := newRig(t)
		r.do("config set requirepass hidden")
		r.requireSilent("NOAUTH")
	})
	t.Run("stopped", func(t *testing.T) {
		r := newRig(t)
		r.item()
		testbed.Docker(t, "stop", r.container)
		r.requireSilent("its server is not running")
	})
	t.Run("paused", func(t *testing.T) {
		r := newRig(t)
		testbed.Docker(t, "pause", r.container)
		t.Cleanup(func() { testbed.Docker(t, "unpause", r.container) })
		r.requireSilent("its container is paused")
	})
	t.Run("replica without its master", func(t *testing.T) {
		r := newRig(t, "--replicaof", "127.0.0.1 1")
		for _, err := range r.driver.Inspect(t.Context(), r.ws, r.item()) {
			require.ErrorIs(t, err, kind.ErrNotRunning)
			require.ErrorContains(t, err, "NOMASTERLINK")
		}
	})
}

// The password comes from wherever the container has it, and shows nowhere.
func TestPasswords(t *testing.T) {
	secrets := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(secrets, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	const password = "correct-horse"
	conf := write("redis.conf", "# comment\nrequirepass \""+password+"\"\n")
	acl := write("acl.conf", "user default off\nuser ann on >"+password+" ~* &* +@all\n")
	file := write("password", password+"\n")
	env := write("env", "REDIS_PASSWORD="+password+"\n")
	mount := "--volume=" + secrets + ":/etc/secrets:ro"
	base := []string{"--bind", "0.0.0.0", "--protected-mode", "no"}
	for name, c := range map[string]struct{ options, command []string }{
		"file":        {[]string{mount}, append([]string{"redis-server", "/etc/secrets/" + filepath.Base(conf)}, base...)},
		"user":        {[]string{mount}, append([]string{"redis-server", "/etc/secrets/" + filepath.Base(acl)}, base...)},
		"secret":      {[]string{mount, "--env=REDIS_PASSWORD_FILE=/etc/secrets/" + filepath.Base(file)}, []string{"sh", "-c", `exec redis-server --requirepass "$(cat $REDIS_PASSWORD_FILE)"`}},
		"environment": {[]string{"--env-file=" + env}, []string{"sh", "-c", `exec redis-server --requirepass "$REDIS_PASSWORD"`}},
		"argument":    {nil, append([]string{"redis-server", "--requirepass", password}, base...)},
		"socket":      {nil, []string{"redis-server", "--port", "0", "--unixsocket", "/tmp/redis.sock"}},
	} {
		t.Run(name, func(t *testing.T) {
			container := testbed.Container(t, "bookworm", append([]string{"--user=redis", "--workdir=/var/lib/redis"}, c.options...), c.command...)
			if name != "socket" {
				testbed.WaitForRedis(t, container)
			}
			r := rigOn(t, container)
			testbed.Eventually(t, wait, "it can be asked", func() bool {
				_, err := kindtestFirst(r)
				return err == nil
			})
			part, facts := r.take(nil)
			require.NotContains(t, strings.Join(texts(facts), "\n"), password)
			require.Empty(t, part.Gaps)
			require.Equal(t, "container", part.Claims[0].On.Kind, "its files are in the container's layer")
		})
	}
}

func kindtestFirst(r *rig) (kind.Fact, error) {
	for f, err := range r.driver.Inspect(r.Context(), r.ws, r.item()) {
		return f, err
	}
	return kind.Fact{}, kind.ErrGone
}

func texts(facts []kind.Fact) []string {
	var out []string
	for _, f := range facts {
		out = append(out, f.Name+"="+f.Value)
	}
	return out
}

// A server that can only be reached from inside, with nobody's network.
func TestServerWithoutANetwork(t *testing.T) {
	r := rigOn(t, testbed.Redis(t, "bookworm", []string{"--network=none"}))
	r.do(everything)
	part, want := r.take(nil)
	r.do("flushall")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, r.store))
	require.Equal(t, state(want), r.facts())
}

// Content that is cut off is found out before the first key goes: all of it is
// read once before the server is emptied (checkMemory).
func TestTruncatedMemory(t *testing.T) {
	r := newRig(t)
	r.do(everything)
	part, _ := r.take(nil)
	for i, o := range part.Objects {
		if o.Name != "memory.rdb" {
			continue
		}
		whole, err := content.ReadAll(t.Context(), r.store, o)
		require.NoError(t, err)
		part.Objects[i], err = content.PutBytes(t.Context(), r.store, o.Name, whole[:len(whole)/2])
		require.NoError(t, err)
	}
	r.do("set mine 1")
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, part, r.store), "nothing was touched")
	require.Equal(t, "1", r.do("get mine"))
}

// A replica is captured, and says that its keys are its master's; they are not
// loaded into it.
func TestReplica(t *testing.T) {
	master := newRig(t)
	master.do("set a 1")
	address := testbed.Inspect(t, master.container, "range .NetworkSettings.Networks}}{{.IPAddress}}{{end")
	r := newRig(t, "--replicaof", address+" 6379")
	testbed.Eventually(t, wait, "it has the key", func() bool { return r.do("get a") == "1" })
	part, facts := r.take(nil)
	require.Equal(t, address+":6379", r.value(facts, "replica of"))
	require.Equal(t, master.value(master.allFacts(), "db 0 string"), r.value(facts, "db 0 string"))
	require.Contains(t, part.Gaps[0].Why, "it is a replica of "+address)
	master.do("set a 2")
	testbed.Eventually(t, wait, "it has the change", func() bool { return r.do("get a") == "2" })
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, r.store))
	require.Equal(t, "2", r.do("get a"))
}

// A server that cannot write its own dump refuses commands that write
// (MISCONF); it can be captured, and what could not be loaded is said.
func TestServerThatCannotSave(t *testing.T) {
	r := newRig(t, "--save", "3600 1")
	r.do(everything)
	testbed.Docker(t, "exec", "--user=root", r.container, "chmod", "555", "/var/lib/redis")
	r.do("bgsave")
	testbed.Eventually(t, wait, "it fails to save", func() bool { return strings.Contains(r.do("info persistence"), "rdb_last_bgsave_status:err") })
	part, want := r.take(nil)
	require.Empty(t, part.Gaps)
	require.Equal(t, state(want), r.facts())
	testbed.Docker(t, "exec", "--user=root", r.container, "chmod", "755", "/var/lib/redis")
}

// A cluster's node is captured, and its place in the cluster is a gap.
func TestNodeOfACluster(t *testing.T) {
	r := newRig(t, "--cluster-enabled", "yes")
	r.do("cluster addslotsrange 0 16383")
	testbed.Eventually(t, wait, "the cluster is up", func() bool { return strings.Contains(r.do("cluster info"), "cluster_state:ok") })
	r.do("set a 1")
	part, want := r.take(nil)
	require.Equal(t, "place in the cluster", part.Gaps[0].What)
	r.do("set a 2")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, r.store))
	require.Equal(t, state(want), r.facts())
}

// A connection that is cut in the middle of a dump makes the capture fail: what did
// not come to its end is no memory (replica.fill). One that is cut in the middle of
// a load leaves all keys as they were: they come in one transaction (load).
func TestConnectionsThatAreCut(t *testing.T) {
	r := newRig(t)
	r.do("eval \"for i=1,15000 do local t = {} for j=1,40 do t[j] = redis.sha1hex(i*100+j) end redis.call('set','key:'..i, table.concat(t)) end\" 0")
	cut := func() { r.do("client kill type replica\nclient kill type normal skipme yes") }
	c, err := r.driver.Open(t.Context(), r.ws, r.item(), &kindtest.Tripping{Memory: r.store, After: 1, Trip: cut})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.(kind.Holder).Hold(t.Context()))
	_, err = c.Finish(t.Context())
	require.ErrorContains(t, err, "the server stopped sending its memory")

	part, _ := r.take(nil)
	r.do("flushall\nset mine 1\nset also 2")
	before := r.facts()
	memory, ok := part.Object("memory.rdb")
	require.True(t, ok)
	chunks := len(memory.Chunks)
	require.Greater(t, chunks, 3)
	for _, after := range []int{chunks + 3, 2 * chunks} { // it is read twice: checked, then loaded
		err := r.driver.Restore(t.Context(), r.ws, part, &kindtest.Tripping{Memory: r.store, After: after, Trip: cut})
		require.ErrorContains(t, err, "load the keys", after)
		require.Equal(t, before, r.facts(), after)
	}
}
