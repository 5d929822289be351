package redis_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// R1: a server that is stopped with SIGTERM writes its memory over whatever
// dump lies there. The captured memory is not put in place as a file, but
// loaded once the server has started (converge in Start).
func TestR1SigtermDoesNotWin(t *testing.T) {
	r := newRig(t, "--save", "3600 1")
	r.do(everything)
	part, want := r.take(nil)
	r.do("set plain changed\ndel list\nset later 1\nfunction flush\n" + `function load "#!lua name=late\nredis.register_function('late', function() return 1 end)"`)
	r.restart()
	require.Equal(t, "changed", r.do("get plain"), "SIGTERM must have saved what is to be overcome")
	dump := func() string { return testbed.Exec(t, r.container, "stat", "-c", "%i %Y", "/var/lib/redis/dump.rdb") }
	before := dump()
	r.start(part)
	require.Equal(t, state(want), r.facts())
	require.Equal(t, before, dump(), "loading writes no file, as FLUSHALL would (an empty one)")
	r.restart()
	require.Equal(t, state(want), r.facts(), "and stays")
}

// R1, other half: without save points SIGTERM saves nothing. That the memory
// would be lost is said (LostByStop), so that the engine stops the container
// only after the commit; and Start loads it.
func TestR1MemoryInNoFile(t *testing.T) {
	r := newRig(t, "--save", "")
	r.do(everything)
	lost, err := r.driver.LostByStop(t.Context(), r.ws, r.item())
	require.NoError(t, err)
	require.True(t, lost)
	part, want := r.take(nil)
	r.restart()
	require.Equal(t, "0", r.do("dbsize"), "all of it must be lost")
	r.start(part)
	require.Equal(t, state(want), r.facts())
	r.do("config set save '3600 1'")
	lost, err = r.driver.LostByStop(t.Context(), r.ws, r.item())
	require.NoError(t, err)
	require.False(t, lost)
	elsewhere := r.item()
	elsewhere.Claims = nil
	lost, err = r.driver.LostByStop(t.Context(), r.ws, elsewhere)
	require.NoError(t, err)
	require.True(t, lost, "its files are in no captured tree")
}

// R2: with an append-only file a dump is ignored, and an append-only file that
// is there beats a dump. Keys are compared with what the server has loaded,
// from whichever file, and loaded over it if they differ.
func TestR2AppendOnlyFileDoesNotWin(t *testing.T) {
	for name, arguments := range map[string][]string{
		"with": {"--appendonly", "yes"}, "without": {"--appendonly", "no", "--save", "3600 1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, arguments...)
			r.do(everything)
			part, want := r.take(nil)
			r.do("config set appendonly yes\nset plain newer\nset later 1\nsave")
			require.Eventually(t, func() bool { return strings.Contains(r.do("info persistence"), "aof_rewrite_in_progress:0") }, time.Minute, 50*time.Millisecond)
			r.restart()
			r.start(part)
			require.Equal(t, state(want), r.facts())
			require.Equal(t, r.value(want, "setting appendonly"), strings.Fields(r.do("config get appendonly"))[1])
			r.restart()
			require.Equal(t, state(want), r.facts(), "what was loaded is in the file that wins")
		})
	}
}

// R2, files: an append-only file is the server's state. It is claimed with its
// manifest, wherever the settings put it.
func TestR2ClaimsFilesWhereSettingsPutThem(t *testing.T) {
	r := newRig(t, "--appendonly", "yes", "--appenddirname", "log", "--dbfilename", "state[1].rdb")
	item := r.item()
	require.Len(t, item.Claims, 1)
	require.Equal(t, "volume", item.Claims[0].On.Kind)
	for path, claimed := range map[string]bool{
		"log/appendonly.aof.manifest": true, "log/appendonly.aof.1.incr.aof": true, "state[1].rdb": true,
		"temp-17.rdb": true, "redis.conf": false, "users.acl": false, "other/log": false,
	} {
		require.Equal(t, claimed, kind.MatchAny(item.Claims[0].Paths, path), path)
	}
	testbed.Docker(t, "stop", r.container)
	require.Equal(t, item, r.item(), "a stopped server claims the same")
}

// R3: deadlines are points in time. A key that expires after the capture is no
// difference: Outlasting takes it out of what is due, and counts it.
func TestR3ExpiredKeysAreReported(t *testing.T) {
	r := newRig(t)
	r.do("set forever 1\nset soon 1 px 3000\nset late 1 ex 3600\nhset soon:hash a 1\npexpire soon:hash 3000")
	part, captured := r.take(nil)
	require.Contains(t, r.value(captured, "db 0 deadlines"), "count=3")
	testbed.Eventually(t, time.Minute, "keys expire", func() bool { return r.do("exists soon soon:hash") == "0" })
	due, gaps, err := r.driver.Outlasting(t.Context(), r.ws, part, r.store, kind.Stream(captured))
	require.NoError(t, err)
	require.Equal(t, r.facts(), state(kindtest.Collect(t, due)))
	require.Len(t, gaps, 1)
	require.Equal(t, "keys that have expired since: 2", gaps[0].What)

	r.do("flushall")
	r.start(part)
	require.Equal(t, "2", r.do("dbsize"), "they are not brought back to life")
	require.Equal(t, state(kindtest.Collect(t, stream(t, r, part, captured))), r.facts())
}

func stream(t *testing.T, r *rig, part kind.Part, captured []kind.Fact) kind.Facts {
	t.Helper()
	due, _, err := r.driver.Outlasting(t.Context(), r.ws, part, r.store, kind.Stream(captured))
	require.NoError(t, err)
	return due
}

// R3, the other policy: with redis.ttl=remaining each deadline moves by the time
// that has passed (loader.moved), and the proof knows by how much (moved).
func TestR3TimeLeftIsGivenBack(t *testing.T) {
	r := newRig(t)
	r.do("set forever 1\nset soon 1 px 2000\nset late 1 ex 3600")
	part, captured := r.take(nil)
	testbed.Eventually(t, time.Minute, "the key expires", func() bool { return r.do("exists soon") == "0" })
	before := r.do("pexpiretime late")
	r.ws.Options["redis.ttl"] = "remaining"
	r.start(part)
	require.Equal(t, "1", r.do("exists soon"))
	after := r.do("pexpiretime late")
	require.Greater(t, after, before)
	due, gaps, err := r.driver.Outlasting(t.Context(), r.ws, part, r.store, kind.Stream(captured))
	require.NoError(t, err)
	require.Empty(t, gaps)
	require.Equal(t, r.facts(), state(kindtest.Collect(t, due)))
	r.start(part)
	require.Equal(t, after, r.do("pexpiretime late"), "twice is the same as once")
}

// R3, lazily: a key whose deadline has passed is not there, though the server
// keeps it until it finds out (state.add leaves it out).
func TestR3UndeletedExpiredKeysAreNotThere(t *testing.T) {
	r := newRig(t, "--enable-debug-command", "yes")
	r.do("set forever 1")
	want := r.facts()
	r.do("debug set-active-expire 0\nset soon 1 px 1")
	testbed.Eventually(t, time.Minute, "the deadline passes", func() bool { return r.do("time") != "" && !strings.Contains(r.do("debug object soon"), "none") })
	require.Equal(t, "2", r.do("dbsize"), "the server must still hold it")
	require.Equal(t, want, r.facts())
}

// R4: an RDB holds neither settings nor users. They are captured from the
// server and set again (applySettings, applyUsers); functions come with the keys.
func TestR4SettingsAndUsersInMemoryComeBack(t *testing.T) {
	r := newRig(t)
	r.do(`config set maxmemory 200mb maxmemory-policy allkeys-lfu save "60 7" notify-keyspace-events KEA slowlog-log-slower-than 77
acl setuser ann on >secret ~shop:* &news resetchannels +@read -keys
acl setuser bob off nopass ~* +get (%R~other:* +hget)
function load "#!lua name=shop\nredis.register_function('hi', function() return 'hi' end)"
eval "return 1" 0`)
	part, want := r.take(nil)
	require.Contains(t, fmt.Sprint(part.Gaps), "1 scripts loaded for EVALSHA")
	r.do("acl setuser eve on nopass ~* +@all\nfunction flush\nconfig set save ''")
	r.restart()
	require.NotContains(t, r.do("acl list"), "user ann")
	r.start(part)
	require.Empty(t, kindtest.Differences(want, r.allFacts()))
	require.Equal(t, "hi", r.do("fcall hi 0"))
	require.Contains(t, r.do("acl list"), "user bob off nopass")
	require.NotContains(t, r.do("acl list"), "eve")
	r.do("acl setuser ann ~more:* >second +set")
	r.start(part)
	require.Empty(t, kindtest.Differences(want, r.allFacts()), "what a user may more than he might is taken away (reset)")
	for _, text := range texts(want) {
		require.NotContains(t, text, fmt.Sprintf("%x", sha256.Sum256([]byte("secret"))), "a plain digest of a password is soon guessed")
	}
}

// R5: bytes differ between two saves of equal data, and so does the order of
// keys after a reload. Digests are sums of what each key holds (rdb.Sum).
func TestR5SameDataSameDigest(t *testing.T) {
	r := newRig(t, "--enable-debug-command", "yes", "--save", "3600 1")
	r.do(everything)
	want := r.facts()
	before := r.do("debug digest")
	r.do("debug reload\nbgsave\nbgrewriteaof")
	r.restart()
	require.Equal(t, before, r.do("debug digest"), "to the server it is the same, too")
	require.Equal(t, want, r.facts())
	r.do("rename plain p2\nrename p2 plain\nsmove words ints alpha\nsmove ints words alpha")
	require.Equal(t, want, r.facts())
	r.do("hset hash n 2")
	require.NotEqual(t, want, r.facts())
}

// R5, third half: an append-only file that is written anew makes each key anew.
// What was deleted of a stream is in it no more (block.entry), and was none before.
func TestR5SameDataAfterItsLogWasRewritten(t *testing.T) {
	r := newRig(t, "--appendonly", "yes", "--aof-use-rdb-preamble", "no")
	r.do(everything)
	want := r.facts()
	r.do("bgrewriteaof")
	testbed.Eventually(t, wait, "the file is written", func() bool {
		return strings.Contains(r.do("info persistence"), "aof_rewrite_in_progress:0")
	})
	r.restart()
	require.Equal(t, want, r.facts())
}

// R5, fourth half: a server that is just writing its memory for a replica answers
// with that file, which is of an earlier instant. It is asked again until it forks
// for us (errEarlier).
func TestR5EarlierForkIsNotTheInstant(t *testing.T) {
	r := newRig(t, "--repl-diskless-sync", "no")
	r.do("eval \"for i=1,1000 do redis.call('set','key:'..i, i) end\" 0\nconfig set rdb-key-save-delay 2000")
	address := testbed.Inspect(t, r.container, "range .NetworkSettings.Networks}}{{.IPAddress}}{{end")
	newRig(t, "--replicaof", address+" 6379")
	testbed.Eventually(t, wait, "it writes a file", func() bool { return strings.Contains(r.do("info persistence"), "rdb_bgsave_in_progress:1") })
	r.do("set late 1\nconfig set rdb-key-save-delay 0")
	require.Contains(t, r.value(r.allFacts(), "db 0 string"), "count=1001")
}

// R5, second half: keys stay in the order of the server's tables, and remarks
// are left out (Reader.Copy): unchanged data adds nothing to the store.
func TestR5UnchangedDataCostsNothing(t *testing.T) {
	r := newRig(t, "--maxmemory", "500mb", "--maxmemory-policy", "allkeys-lru")
	r.do("eval \"for i=1,60000 do redis.call('set','key:'..i, redis.sha1hex(i)..redis.sha1hex(i+1)) end\" 0")
	first, _ := r.take(nil)
	added := r.store.Bytes()
	require.Greater(t, added, int64(4<<20))
	r.do("set other 1\ndel other\nbgsave\nget key:1")
	second, _ := r.take(nil)
	require.Equal(t, first.Objects[0], second.Objects[0])
	require.Less(t, r.store.Bytes()-added, int64(20<<10))
	r.do("set key:77 changed")
	r.take(nil)
	// The chunk that has the key, and those after it until cuts fall where they did.
	require.Less(t, r.store.Bytes()-added, int64(3<<20))
}
