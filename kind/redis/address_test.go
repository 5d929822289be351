package redis_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/redis"
)

// byAddress is a rig on a server that dogear.yaml names by its socket.
func byAddress(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis") // the path of a socket is short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777))
	container := testbed.Redis(t, "bookworm", []string{"--volume=" + dir + ":/sock"},
		"--unixsocket", "/sock/s", "--unixsocketperm", "777", "--save", "", "--user", "clerk", "on", ">s3cret", "~*", "&*", "+@all")
	r := rigOn(t, container)
	r.ws.Variables = map[string]string{"PASSWORD": "s3cret"}
	r.ws.Config = map[string]json.RawMessage{"redis": json.RawMessage(`{"servers": {"main": {"dsn": "unix://clerk:${PASSWORD}@` + dir + `/s"}}}`)}
	r.container = "" // nothing is looked for in containers
	items, err := r.driver.Find(t.Context(), r.ws, nil)
	require.NoError(t, err)
	require.Equal(t, []kind.Item{{ID: kind.ID{Kind: "redis", Name: "main"}}}, items)
	r.named, r.container = &items[0], container
	return r
}

// A server outside containers is named by a DSN: captured, compared and loaded
// like any other.
func TestServerByAddress(t *testing.T) {
	r := byAddress(t)
	r.do(everything)
	part, want := r.take(nil)
	require.Equal(t, state(want), r.facts())
	require.True(t, r.driver.Separable(part))
	r.do("set plain changed\nflushall\nset later 1")
	change, err := r.driver.Preview(t.Context(), r.ws, part, r.store)
	require.NoError(t, err)
	require.Empty(t, change.Conflicts)
	require.Empty(t, change.Remote, "a socket is on this machine")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, r.store))
	require.Equal(t, state(want), r.facts())

	// The name means another server now: nothing is loaded by accident.
	address := testbed.Inspect(t, r.container, ".NetworkSettings.IPAddress")
	r.ws.Config = map[string]json.RawMessage{"redis": json.RawMessage(`{"servers": {"main": {"dsn": "redis://clerk:${PASSWORD}@` + address + `"}}}`)}
	r.do("set later 1")
	change, err = r.driver.Preview(t.Context(), r.ws, part, r.store)
	require.NoError(t, err)
	require.Equal(t, address, change.Remote)
	require.Contains(t, change.Conflicts[0], "-o redis.other-server=true")
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, part, r.store), "that name means "+address)
	r.ws.Options["redis.other-server"] = "true"
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, r.store))
	require.Equal(t, state(want), r.facts())

	// A server that is down is said to be, and a wrong password does not show.
	r.ws.Variables["PASSWORD"] = "wrong-one"
	_, err = r.driver.Preview(t.Context(), r.ws, part, r.store)
	require.NoError(t, err)
	err = r.driver.Restore(t.Context(), r.ws, part, r.store)
	require.ErrorContains(t, err, "WRONGPASS")
	require.NotContains(t, err.Error(), "wrong-one")
	r.ws.Variables["PASSWORD"] = "s3cret"
	testbed.Docker(t, "stop", r.container)
	require.ErrorIs(t, r.driver.Restore(t.Context(), r.ws, part, r.store), kind.ErrNotRunning)
	change, err = r.driver.Preview(t.Context(), r.ws, part, r.store)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
}

// What a DSN cannot be is refused without its password.
func TestAddressesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"redis://u:s3cret@h:1/2":       "a server gives its memory as a whole",
		"redis://u:s3cret@h:1?db=2":    "a server gives its memory as a whole",
		"http://u:s3cret@h":            "the dsn is not redis://",
		"redis://u:s3cret@h:port":      "the dsn is not redis://",
		"unix://u:s3cret@":             "the dsn is not redis://",
		"s3cret":                       "the dsn is not redis://",
		"redis://u:${NOT_THERE}@h:1":   "has no variable NOT_THERE",
		"redis://u:s3cret@h:1?x=%zz&y": "the dsn is not redis://",
	} {
		ws := &kind.Workspace{Config: map[string]json.RawMessage{"redis": json.RawMessage(`{"servers": {"main": {"dsn": "` + text + `"}}}`)}}
		_, err := redis.New(connector(t)).Find(t.Context(), ws, nil)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "s3cret")
	}
}
