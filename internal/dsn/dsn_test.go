package dsn_test

import (
	"encoding/json"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/dsn"
	"dogear/kind"
)

func workspace(section string) *kind.Workspace {
	return &kind.Workspace{Config: map[string]json.RawMessage{"postgres": json.RawMessage(section)}, Variables: map[string]string{"PASSWORD": "p:w"}}
}

func TestServers(t *testing.T) {
	servers, err := dsn.Servers(workspace(`{"servers": {"b": {"dsn": "postgres://u:${PASSWORD}@h/d"}, "a": {"dsn": "x", "databases": ["*"]}}}`), "postgres")
	require.NoError(t, err)
	require.Len(t, servers, 2)
	require.Equal(t, "a", servers[0].Name)
	require.True(t, servers[0].All())
	expanded, err := servers[1].Expand(workspace(`{}`))
	require.NoError(t, err)
	require.Equal(t, "postgres://u:p:w@h/d", expanded)
	for _, nothing := range []string{"", "null", "{}"} {
		servers, err := dsn.Servers(workspace(nothing), "postgres")
		require.NoError(t, err)
		require.Empty(t, servers)
	}
}

func TestWrongSections(t *testing.T) {
	for section, want := range map[string]string{
		`{"dsn": "x"}`:                             "unknown field",
		`{"servers": {"a": {}}}`:                   "server a has no dsn",
		`{"servers": {"a/b": {"dsn": "x"}}}`:       "a name has letters",
		`{"servers": {"a": {"dsn": "x", "u": 1}}}`: "unknown field",
		`[]`: "section postgres",
	} {
		_, err := dsn.Servers(workspace(section), "postgres")
		require.ErrorContains(t, err, want, section)
	}
	_, err := dsn.Server{DSN: "postgres://u:${NOT_SET}@h/d"}.Expand(workspace(`{}`))
	require.ErrorContains(t, err, "the environment has no variable NOT_SET")
}

func TestLocalHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"": true, "localhost": true, "127.0.0.1": true, "127.1.2.3": true, "::1": true, "/run/postgresql": true, "@abstract": true,
		"192.0.2.7": false, "db.example": false, "localhost.example": false,
	} {
		require.Equal(t, want, dsn.IsLocal(host), host)
	}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		require.True(t, dsn.IsLocal(a.(*net.IPNet).IP.String()), "its own address %s", a)
	}
	name, err := os.Hostname()
	require.NoError(t, err)
	require.True(t, dsn.IsLocal(name))
}

// A name that means another server now is no target by accident.
func TestMistakenServers(t *testing.T) {
	ws := workspace(`{}`)
	require.Empty(t, dsn.Mistaken(ws, "postgres", "a:1", "a:1"))
	require.Empty(t, dsn.Mistaken(ws, "postgres", "", "a:1"), "it is not known where it was")
	mistaken := dsn.Mistaken(ws, "postgres", "a:1", "b:1")
	require.Len(t, mistaken, 1)
	require.Contains(t, mistaken[0], "-o postgres.other-server=true")
	require.Contains(t, dsn.Mistaken(ws, "postgres", "a:1", "")[0], "a server in a container")
	ws.Options = map[string]string{"postgres.other-server": "true"}
	require.Empty(t, dsn.Mistaken(ws, "postgres", "a:1", "b:1"))
}
