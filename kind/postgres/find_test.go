package postgres_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
)

// startServer starts a server whose data directory is below a volume's root
// and whose options are those of `docker run`.
func startServer(t *testing.T, image string, options ...string) (container, volume string) {
	t.Helper()
	volume = testbed.Volume(t)
	options = append([]string{
		"--entrypoint=/bin/bash", "--volume=" + volume + ":/srv/db", "--env=POSTGRES_PASSWORD=wrong one",
	}, options...)
	container = testbed.Container(t, image, options, "-c", `set -e
		install -d -o postgres /srv/db/15/main
		as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
		as initdb -D /srv/db/15/main --username=shop --auth-local=trust --auth-host=scram-sha-256 --no-sync >/dev/null
		as postgres -D /srv/db/15/main -p 6543 -c fsync=off -c listen_addresses='*' &
		until as createdb -h /tmp -p 6543 -U shop shop || as createdb -h /run/postgresql -p 6543 -U shop shop; do sleep 0.1; done
		wait`)
	testbed.Eventually(t, time.Minute, "the server answers", func() bool {
		return testbed.Exec(t, container, "sh", "-c", "psql -p 6543 -U shop -d shop -Atc 'select 1' 2>/dev/null || true") == "1"
	})
	return container, volume
}

// No network, no valid password, not process 1, an unusual port and data
// directory: the server is found by its process and reached from inside.
func TestServerOnNoNetwork(t *testing.T) {
	container, volume := startServer(t, "bookworm", "--network=none", "--env=POSTGRES_USER=shop")
	r := rigOn(t, container)
	names := []string{}
	for _, item := range r.items {
		names = append(names, item.ID.Name)
		require.Equal(t, kind.ID{Kind: "container", Name: container}, item.RunsIn)
		require.Equal(t, item.RunsIn, item.Needs[0])
		require.Len(t, item.Claims, 1)
		claim := item.Claims[0]
		require.Equal(t, kind.ID{Kind: "volume", Name: volume}, claim.On)
		require.True(t, kind.MatchAny(claim.Paths, "15/main/base/1/1259"))
		require.True(t, kind.MatchAny(claim.Paths, "15/main/pg_wal/000000010000000000000001"))
		require.True(t, kind.MatchAny(claim.Paths, "15/main/postmaster.pid"))
		require.False(t, kind.MatchAny(claim.Paths, "15/main/postgresql.conf"))
		require.False(t, kind.MatchAny(claim.Paths, "15/main/PG_VERSION"))
		require.False(t, kind.MatchAny(claim.Paths, "15"))
	}
	require.Equal(t, []string{container, container + "/postgres", container + "/shop"}, names)
	require.Contains(t, r.factsOf(r.item("shop")), "shop: database")
	part, _ := r.capture(r.item("shop"), newChunks(), nil)
	require.Empty(t, part.Gaps)
}

func TestNewerServer(t *testing.T) {
	testbed.Require(t, "trixie")
	container, _ := startServer(t, "trixie", "--network=none", "--env=POSTGRES_USER=shop", "--env=PGPORT=6543")
	r := rigOn(t, container)
	r.sql(schema)
	before := r.facts()
	r.sql("alter table orders alter total set default 1")
	require.Equal(t, []string{"shop: schema column public.orders.total"}, changed(before, r.facts()))
	part, facts := r.capture(r.item("shop"), newChunks(), nil)
	require.Equal(t, r.factsOf(r.item("shop")), facts)
	require.Empty(t, part.Gaps)
	server, _ := r.capture(r.item(""), newChunks(), nil)
	require.Empty(t, server.Gaps)
}

// The services that use a database have the same variables as the database.
func TestClientsAreNoServers(t *testing.T) {
	client := testbed.Container(t, "busybox", []string{"--env=POSTGRES_USER=shop", "--env=POSTGRES_PASSWORD=x"}, "sleep", "600")
	require.Empty(t, rigOn(t, client).items)
}

func TestPasswordsAreNotShown(t *testing.T) {
	container, _ := startServer(t, "bookworm", "--network=none")
	testbed.Exec(t, container, "sh", "-c", `printf 'local all all scram-sha-256\n' > /srv/db/15/main/pg_hba.conf && kill -HUP $(head -n1 /srv/db/15/main/postmaster.pid)`)
	r := rigOn(t, container)
	require.Len(t, r.items, 1)
	var err error
	testbed.Eventually(t, 10*time.Second, "nobody is let in", func() bool {
		_, err = first(r.driver.Inspect(t.Context(), r.ws, r.items[0]))
		return err != nil
	})
	require.ErrorIs(t, err, kind.ErrNotRunning)
	require.NotContains(t, err.Error(), "wrong one")
	part, _ := r.capture(r.items[0], newChunks(), nil)
	require.Len(t, part.Gaps, 1)
	require.NotContains(t, part.Gaps[0].Why, "wrong one")
}

func TestSectionOfConfiguration(t *testing.T) {
	r := newRig(t)
	r.ws.Config = map[string]json.RawMessage{"postgres": json.RawMessage(`{"dsn": "x"}`)}
	_, err := r.driver.Find(t.Context(), r.ws, nil)
	require.ErrorContains(t, err, "section postgres")
}
