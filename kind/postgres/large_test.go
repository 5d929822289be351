package postgres_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/rowsum"
	"dogear/internal/testbed"
	"dogear/kind"
)

// A large table is read in stretches, and read back while it is being loaded.
// Whatever the cuts, each row is there once: fails if stretches overlap, leave a
// page out (stretches), or are read back before they are full (upTo), and if
// what is read beside does not see the same instant (share). One
// percent of changed rows costs little, wherever they went in the file, and a
// table that was restored has its rows where they were found: what was loaded
// in two streams at once would be stored anew.
func TestLargeTableComesBackInPieces(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql(`create table large (n int primary key, twice int generated always as (n * 2) stored, filler text);
		insert into large (n, filler) select n, repeat(md5(n::text), 30) from generate_series(1, 42000) n;
		alter table large add gone int; alter table large drop gone; delete from large where n % 1000 = 7; create table small (n int)`)
	store := newChunks()
	part, before := r.capture(r.item("shop"), store, nil)
	first := store.added
	require.Equal(t, r.sumOf("large"), before["shop: table public.large"])

	r.sql("update large set filler = filler || '!' where n between 20000 and 20400")
	want := r.sumOf("large")
	changedPart, after := r.capture(r.item("shop"), store, func() { r.sql("update large set filler = '' where n % 3000 = 1") })
	require.Equal(t, want, after["shop: table public.large"])
	require.Equal(t, []string{"shop: table public.large"}, changed(before, after))
	require.Less(t, store.added-first, first/10)

	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, before, r.factsOf(r.item("shop")))
	require.Equal(t, r.sumOf("large"), before["shop: table public.large"])
	grown := store.added
	r.capture(r.item("shop"), store, nil)
	require.Less(t, store.added-grown, first/8, "rows are where they were")
	require.NoError(t, r.driver.Release(t.Context(), r.ws, r.items))

	object, ok := changedPart.Object("table/public.large")
	require.True(t, ok)
	chunk := object.Chunks[len(object.Chunks)/2]
	whole := store.byID[chunk]
	store.byID[chunk] = []byte(strings.Replace(string(whole), "a", "b", 1))
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, changedPart, store), "the live database was not touched")
	require.Equal(t, before, r.factsOf(r.item("shop")))
}

// sumOf reads a table in the plainest way.
func (r *rig) sumOf(table string) string {
	r.Helper()
	sum := &rowsum.Sum{}
	cmd := exec.Command("docker", "exec", r.container, "psql", "-XqU", "shop", "-d", "shop", "-c", "copy "+table+" to stdout")
	cmd.Stdout = sum
	require.NoError(r, cmd.Run())
	return sum.String()
}

// madeLarge has a database seem to be of 4 GB.
const madeLarge = `f=$PGDATA/base/$(psql -XAtU shop -d shop -c "select oid from pg_database where datname = 'shop'")/999999999 && truncate -s 4G $f`

// A database that is too large to be read each time has no digests among its
// facts. Whoever restores it is not told that nothing is to be done, and a
// comparison says that its rows were not compared. Fails without exact
// (preview), without undigested (Narrow).
func TestLargeDatabaseIsNotSaidToBeTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("create table t (n int primary key); insert into t select generate_series(1, 10); select lo_from_bytea(4711, 'large')")
	testbed.Docker(t, "exec", r.container, "sh", "-c", madeLarge)
	store := newChunks()
	auto, facts := r.capture(r.item("shop"), store, nil)
	require.Equal(t, "not digested: the database is too large", facts["shop: table public.t"])
	require.Contains(t, auto.Gaps[0].Why, "--dumps always")
	change, err := r.driver.Preview(t.Context(), r.ws, auto, store)
	require.NoError(t, err)
	require.NotEmpty(t, change.Conflicts, "there is no dump, and nobody knows what was in it")

	r.ws.Dumps = "always"
	part, _ := r.capture(r.item("shop"), store, nil)
	change, err = r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionNone, change.Action)
	narrowed, err := r.driver.Narrow(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.NotNil(t, narrowed)
	require.True(t, narrowed.Leaves("table public.t"))
	require.False(t, narrowed.Leaves("schema table public.t"))
	require.Contains(t, narrowed.Gap.What, "rows")

	r.sql("update t set n = 11 where n = 1; select lo_put(4711, 0, 'L')")
	change, err = r.driver.Preview(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.Equal(t, []string{"large objects", "table public.t"}, change.Details)
	require.Empty(t, change.Conflicts)
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	require.Equal(t, "55|large", r.sql("select sum(n), (select convert_from(lo_get(4711), 'UTF8')) from t"))
}
