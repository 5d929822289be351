package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
)

// dumped writes a dump of the server's own program into a file.
func dumped(r *rig, name string, args ...string) string {
	path := filepath.Join(r.TempDir(), name)
	argv := append([]string{"exec", r.container, "pg_dump", "-U", "shop", "-d", "shop"}, args...)
	require.NoError(r, os.WriteFile(path, []byte(testbed.Run(r, "docker", argv...)+"\n"), 0o600))
	return path
}

// A dump of another program becomes a part, whichever form it has, and is then
// what is restored. Roles that the server does not have are named.
func TestDumpsOfOtherPrograms(t *testing.T) {
	r := newRig(t)
	r.sql(schema + "; create role stranger; alter table odd owner to stranger; alter database shop connection limit 44")
	want := r.factsOf(r.item("shop"))
	plain := dumped(r, "shop.sql")
	testbed.Exec(t, r.container, "sh", "-c", "pg_dump -U shop -d shop -Fc > /tmp/shop.dump; pg_dump -U shop -d shop -C --inserts | gzip > /tmp/shop.sql.gz; pg_dump -U shop -d shop -Fd -f /tmp/shop.dir; pg_dump -U shop -d shop -Ft > /tmp/shop.tar")
	files := []string{plain}
	for _, name := range []string{"shop.dump", "shop.sql.gz", "shop.dir", "shop.tar"} {
		path := filepath.Join(t.TempDir(), name)
		testbed.Docker(t, "cp", r.container+":/tmp/"+name, path)
		files = append(files, path)
	}
	r.sql(wreck + "; alter table odd owner to shop; drop role stranger")
	wrecked := r.factsOf(r.item("shop"))
	for _, path := range files {
		store := newChunks()
		part, err := r.driver.Import(t.Context(), r.ws, r.item("shop"), path, store)
		require.NoError(t, err, path)
		require.Contains(t, part.Gaps, kind.Gap{Part: part.ID, What: "what belongs to role stranger", Why: "the server has no such role; it belongs to shop now"})
		have := collect(t, part.ID, part.Facts)
		differing := []string{"shop: schema table public.odd"}
		if strings.HasSuffix(path, ".gz") { // -0 stands in an INSERT as a number, and is 0
			differing = append(differing, "shop: table public.odd")
		}
		require.Equal(t, differing, without(changed(want, have), "shop: database", "shop: setting"), path)
		require.Equal(t, wrecked, r.factsOf(r.item("shop")), "nothing live was changed")
		require.Equal(t, "0", r.sql("select count(*) from pg_database where datname like '%dogear_new'"))
		require.NoError(t, r.driver.Restore(t.Context(), r.keepingFor(path), part, store))
		require.Equal(t, have, r.factsOf(r.item("shop")))
		part.Back = path
		require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	}
	require.Equal(t, kind.ID{Kind: "postgres", Name: r.container}, r.driver.Parent(r.item("shop").ID))
}

func without(names []string, prefixes ...string) []string {
	var rest []string
next:
	for _, n := range names {
		for _, p := range prefixes {
			if strings.HasPrefix(n, p) {
				continue next
			}
		}
		rest = append(rest, n)
	}
	return rest
}

// P9: commands for psql in a dump run programs of this host. They are refused,
// and nothing is left of the attempt.
func TestDumpsCannotRunPrograms(t *testing.T) {
	r := newRig(t)
	before := r.facts()
	witness := filepath.Join(t.TempDir(), "witness")
	for script, want := range map[string]string{
		"create table t (n int);\n\\! touch " + witness + "\n":      `the command \! for psql`,
		"\\connect shop\n\\connect postgres\n":                      "several databases",
		"create table t (n int);\ncopy t from stdin;\n1\n":          "not whole",
		"create table t (n int);\nselect 'half":                     "not whole",
		"-- PostgreSQL database dump\ncreate table t (n int);\n":    "not whole: it lacks",
		"create table t (n int);\ncopy t (n) from stdin;\nx\n\\.\n": "invalid input syntax",
		"\\copy t from program 'touch " + witness + "'\n":           `the command \copy for psql`,
		"select 1;\n\\o | touch " + witness + "\nselect 1;\n":       `the command \o for psql`,
		"PGDMP" + strings.Repeat("x", 600):                          "pg_restore",
	} {
		path := filepath.Join(t.TempDir(), "dump")
		require.NoError(t, os.WriteFile(path, []byte(script), 0o600))
		_, err := r.driver.Import(t.Context(), r.ws, r.item("shop"), path, newChunks())
		require.ErrorContains(t, err, want, script)
		require.NoFileExists(t, witness)
	}
	dir := t.TempDir()
	_, err := r.driver.Import(t.Context(), r.ws, r.item("shop"), dir, newChunks())
	require.ErrorContains(t, err, "no directory of pg_dump")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "toc.dat"), []byte("PGDMP"), 0o600))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "1.dat")))
	_, err = r.driver.Import(t.Context(), r.ws, r.item("shop"), dir, newChunks())
	require.ErrorContains(t, err, "it is no file")
	require.Equal(t, before, r.facts())
	require.Equal(t, "0", r.sql("select count(*) from pg_database where datname like '%dogear_new'"))
}

// Dumps in their other forms that are cut off are refused like scripts, and
// nothing is left of them.
func TestDumpsThatAreCutOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql("create table t (n int, s text); insert into t select n, md5(n::text) from generate_series(1, 20000) n; create index on t (s)")
	before := r.facts()
	testbed.Exec(t, r.container, "sh", "-c", "cd /tmp && pg_dump -U shop shop -Fc -f c && pg_dump -U shop shop -Ft -f t && pg_dump -U shop shop -Z6 -f z && pg_dump -U shop shop -Fd -f d")
	for _, name := range []string{"c", "t", "z"} {
		path := filepath.Join(t.TempDir(), name)
		testbed.Docker(t, "cp", r.container+":/tmp/"+name, path)
		info, err := os.Stat(path)
		require.NoError(t, err)
		for _, size := range []int64{info.Size() * 9 / 10, 600} {
			require.NoError(t, os.Truncate(path, size))
			_, err := r.driver.Import(t.Context(), r.ws, r.item("shop"), path, newChunks())
			require.Error(t, err, "%s of %d bytes", name, size)
			require.Equal(t, "0|0", r.sql(ours))
		}
	}
	dir := filepath.Join(t.TempDir(), "d")
	testbed.Docker(t, "cp", r.container+":/tmp/d", dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.dat.gz"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(files[0], info.Size()/2))
	_, err = r.driver.Import(t.Context(), r.ws, r.item("shop"), dir, newChunks())
	require.Error(t, err)
	require.NoError(t, os.Remove(files[0]))
	_, err = r.driver.Import(t.Context(), r.ws, r.item("shop"), dir, newChunks())
	require.Error(t, err)
	require.Equal(t, "0|0", r.sql(ours))
	require.Equal(t, before, r.facts())
}

func TestWhatLiesBehindDifferences(t *testing.T) {
	r := newRig(t)
	r.sql(schema + `; create table nokey (s text); insert into nokey values ('same'), ('gone');
		create extension postgres_fdw; create server far_server foreign data wrapper postgres_fdw;
		create user mapping for shop server far_server options (user 'u', password 'first secret')`)
	store := newChunks()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql(`delete from orders where id = 3; update orders set customer = 'secret one' where id = 4; insert into orders (customer) values ('new');
		update nokey set s = 'come' where s = 'gone'; alter table odd add column extra int; create view more as select 1 as one;
		alter role clerk in database shop set app.token = 'other secret'; alter user mapping for shop server far_server options (set password 'next secret')`)
	later, _ := r.capture(r.item("shop"), store, nil)
	live := kind.State{Part: kind.Part{ID: part.ID, RunsIn: part.RunsIn}}
	for _, other := range []kind.State{{Part: later, Source: store}, live} {
		explain := func(how kind.Explaining) map[string]kind.Explanation {
			all := make(map[string]kind.Explanation)
			for e, err := range r.driver.Explain(t.Context(), r.ws, kind.State{Part: part, Source: store}, other, how) {
				require.NoError(t, err)
				all[e.Fact] = e
			}
			return all
		}
		brief := explain(kind.Explaining{})
		require.Len(t, brief, 4)
		require.Equal(t, "1 row added, 1 removed, 1 changed", brief["table public.orders"].Summary)
		require.Empty(t, brief["table public.orders"].Lines)
		require.Equal(t, "1 row added, 1 removed, 0 changed", brief["table public.nokey"].Summary)
		require.Equal(t, "with new column extra; 0 rows added, 0 removed, 0 changed", brief["table public.odd"].Summary)
		require.Contains(t, brief["schema"].Lines, `+ CREATE VIEW "public"."more" AS`)
		details := explain(kind.Explaining{Details: true})
		require.Equal(t, []string{"- id=3", "~ id=4: customer", "+ id=501"}, details["table public.orders"].Lines)
		require.ElementsMatch(t, []string{"- s=***", "+ s=***"}, details["table public.nokey"].Lines)
		values := explain(kind.Explaining{Details: true, Values: true})
		require.Contains(t, values["table public.orders"].Lines, "~ id=4: customer=customer 4 -> secret one")
		for _, secret := range []string{"first secret", "next secret", "other secret", "secret one"} {
			require.NotContains(t, fmt.Sprint(brief, details), secret, "what is not asked for is not shown")
		}
		require.Contains(t, fmt.Sprint(values["schema"].Lines), "next secret")
		require.Contains(t, values["schema"].Lines, `+     "extra" integer`)
	}
}
