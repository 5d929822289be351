package redis_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
)

// The instant is that of the fork in Hold: reading keys later, as commands do,
// would see what came after.
func TestCaptureIsOfTheInstantOfHold(t *testing.T) {
	r := newRig(t)
	r.do(everything)
	before := r.facts()
	part, facts := r.take(func() { r.do("set plain late\nset later 1\nflushdb") })
	require.Equal(t, before, state(facts))
	require.NotEqual(t, before, r.facts(), "what came after")
	require.True(t, part.Transaction)
	require.False(t, part.Held.IsZero())
	require.Empty(t, part.Gaps)
}

// With diskless synchronisation off a replica would make the server write a
// file: makeDiskless turns it on for the fork, and puts back what was set.
func TestCaptureWritesNothingIntoTheData(t *testing.T) {
	r := newRig(t, "--save", "", "--repl-diskless-sync", "no", "--repl-diskless-sync-delay", "9")
	r.do(everything)
	look := func() string {
		return testbed.Exec(t, r.container, "find", "/var/lib/redis", "-printf", "%p %i %s %T@ %C@\n")
	}
	before, settings := look(), r.do("config get repl-diskless*")
	r.take(nil)
	r.facts()
	require.Equal(t, before, look())
	require.Equal(t, settings, r.do("config get repl-diskless*"))
	require.Contains(t, r.value(r.allFacts(), "setting repl-diskless-sync"), "no")
	require.NotContains(t, r.do("info replication"), "slave0", "nobody stays connected")
}

// The server and its child are frozen between Hold and Finish.
func TestCaptureAcrossAFreeze(t *testing.T) {
	r := newRig(t)
	r.do("eval \"for i=1,30000 do redis.call('set','key:'..i, redis.sha1hex(i)..i) end\" 0")
	before := r.facts()
	_, facts := r.take(func() {
		testbed.Docker(t, "pause", r.container)
		testbed.Docker(t, "unpause", r.container)
	})
	require.Equal(t, before, state(facts))
}

// A dump is loaded into another server, of a newer version.
func TestLoadIntoAnotherServer(t *testing.T) {
	r := newRig(t)
	r.do(everything)
	part, want := r.take(nil)
	newer := rigOn(t, testbed.Redis(t, "trixie", nil))
	newer.do("set other 1\nselect 5\nset other 1")
	newer.store = r.store
	part.ID, part.RunsIn = newer.item().ID, newer.item().RunsIn
	require.True(t, newer.driver.Separable(part), "its files need not come with it")
	require.False(t, newer.driver.Separable(kind.Part{}), "without the memory they have to")
	require.NoError(t, newer.driver.Restore(t.Context(), newer.ws, part, newer.store))
	require.Equal(t, keys(state(want)), keys(newer.facts()))
	require.NotContains(t, newer.do("info keyspace"), "db5")
}

// An older server cannot read a newer one's values: that is said before
// anything is touched (plan.possible).
func TestOlderServerIsRefused(t *testing.T) {
	newer := rigOn(t, testbed.Redis(t, "trixie", nil))
	newer.do("set a 1")
	part, _ := newer.take(nil)
	r := newRig(t)
	r.do("set mine 1")
	part.ID, part.RunsIn = r.item().ID, r.item().RunsIn
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, part, newer.store), "redis 7.0.15 is too old to read them")
	change, err := r.driver.Preview(t.Context(), r.ws, part, newer.store)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Equal(t, "1", r.do("get mine"))
}

// Values larger than any buffer, and bytes that are no text.
func TestHugeAndBinaryValues(t *testing.T) {
	r := newRig(t)
	r.do("setrange huge 120000000 x\nsetrange \"\\xff\\x00\" 1000000 y\neval \"for i=1,3000 do redis.call('rpush','long', string.rep(redis.sha1hex(i), 250)) end\" 0")
	part, want := r.take(nil)
	r.do("flushall")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, r.store))
	require.Equal(t, state(want), r.facts())
	require.Equal(t, "120000001", r.do("strlen huge"))
}

func keys(facts map[string]string) map[string]string {
	maps.DeleteFunc(facts, func(name, _ string) bool {
		return !strings.HasPrefix(name, "db ") && !strings.HasPrefix(name, "library ")
	})
	return facts
}
