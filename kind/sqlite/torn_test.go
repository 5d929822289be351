package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// A copy is of one state, though somebody writes all the time: it is made again if
// the files changed meanwhile (copied.try). Otherwise what is at the beginning of
// the file is of one transaction, and what is at its end of another.
func TestCopyIsOfOneState(t *testing.T) {
	d := newDesk(t)
	d.sql("CREATE TABLE x(n); INSERT INTO x VALUES (0); CREATE TABLE middle(b); INSERT INTO middle VALUES (zeroblob(90000000)); CREATE TABLE y(n); INSERT INTO y VALUES (0)")
	db := open(t, d.path, "delete")
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan error, 1)
	go func() { written <- writeUntil(ctx, db) }()
	for range testbed.Times(4, 100) {
		c, err := unitAt(d.path).copy(t.Context())
		require.NoError(t, err)
		copied, err := c.open()
		require.NoError(t, err)
		var x, y int
		require.NoError(t, copied.QueryRow("SELECT x.n, y.n FROM x, y").Scan(&x, &y))
		require.Equal(t, x, y)
		require.NoError(t, copied.Close())
		require.NoError(t, c.remove())
	}
	stop()
	require.NoError(t, <-written)
}

// writeUntil changes two tables in one transaction, again and again: some times
// with a pause that is hardly longer than what a copy waits for (coarseTick),
// and then with one in which a copy can be made.
func writeUntil(ctx context.Context, db *sql.DB) error {
	for i := 0; ctx.Err() == nil; i++ {
		for _, statement := range []string{"BEGIN", "UPDATE x SET n = n + 1", "UPDATE y SET n = n + 1", "COMMIT"} {
			if _, err := db.Exec(statement); err != nil {
				return err
			}
		}
		pause := 13 * time.Millisecond
		if i%6 == 5 {
			pause = 600 * time.Millisecond
		}
		time.Sleep(pause)
	}
	return nil
}

// What may still change without a trace is not remembered (factCache.save).
func TestFreshStateIsNotRemembered(t *testing.T) {
	facts := factCache{cache: cache{}, id: kind.ID{Kind: Kind, Name: "app.db"}}
	s := stamp{files: "x", changed: time.Now()}
	require.NoError(t, facts.save(s, nil, nil))
	_, _, known := facts.load(s)
	require.False(t, known)
	s.changed = s.changed.Add(-2 * cacheTick)
	require.NoError(t, facts.save(s, nil, nil))
	_, _, known = facts.load(s)
	require.True(t, known)
}

// A copy with a log or journal left beside is not the whole database (copied.whole).
func TestCopyWithALogIsNotWhole(t *testing.T) {
	d := newDesk(t)
	d.sql(rows)
	c, err := unitAt(d.path).copy(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, c.remove()) }()
	require.NoError(t, os.WriteFile(c.path+"-wal", []byte("x"), 0o600))
	_, err = c.whole()
	require.ErrorContains(t, err, "-wal beside its copy")
}

// What cannot be removed beside a database keeps it from being replaced: a log goes
// before the file takes its name (place), never after.
func TestSiblingThatStaysIsAnObstacle(t *testing.T) {
	d := newDesk(t)
	d.sql(rows)
	alone, _, _ := d.capture()
	d.sql("INSERT INTO t VALUES (501)")
	require.NoError(t, os.MkdirAll(filepath.Join(d.path+"-mj1", "not empty"), 0o755))
	require.ErrorContains(t, d.restore("alone", alone, kind.Part{}), "remove its old log")
	require.Equal(t, "501", d.sql("SELECT count(*) FROM t"))
	entries, err := os.ReadDir(d.ws.Root)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing is left beside")
}

// Replacing a file that has other names would tear them apart.
func TestHardLinkedDatabaseIsNotReplaced(t *testing.T) {
	d := newDesk(t)
	d.sql(rows)
	alone, _, _ := d.capture()
	d.sql("INSERT INTO t VALUES (501)")
	require.NoError(t, os.Link(d.path, d.path+".link"))
	require.ErrorContains(t, New(nil).Restore(t.Context(), d.ws.Look(), alone, d.store), "2 names (hard links)")
	require.Equal(t, "501", d.sql("SELECT count(*) FROM t"))
}

// meddled is a home to which somebody writes just before it is looked at again.
type meddled struct {
	home
	meddle func()
}

func (m meddled) stamp(ctx context.Context) (stamp, error) {
	m.meddle()
	return m.home.stamp(ctx)
}

// What is written while one table is exchanged in a copy is not lost: the copy does
// not take the place of what it is no copy of (exchange).
func TestWrittenWhileATableIsExchanged(t *testing.T) {
	d := newDesk(t)
	d.sql(rows + "; CREATE TABLE other(x)")
	alone, _, _ := d.capture()
	alone.Inside = []string{"t"}
	d.sql("DELETE FROM t")
	m, err := readMeta(t.Context(), alone, d.store)
	require.NoError(t, err)
	dump, err := fetch(t.Context(), alone, d.store, m)
	require.NoError(t, err)
	defer func() { require.NoError(t, dump.remove()) }()
	home := &inTheWorkspace{ws: d.ws, id: alone.ID}
	err = exchange(t.Context(), meddled{home, func() { d.sql("INSERT INTO other VALUES ('written')") }}, alone, dump, m)
	require.ErrorContains(t, err, "written to meanwhile (nothing was touched)")
	require.Equal(t, "written", d.sql("SELECT x FROM other"))
}

// The disk is full while a database is put in place: what is live stays, and what
// was written beside goes (placing.unstage).
func TestFullDiskWhileADatabaseIsPlaced(t *testing.T) {
	testbed.Require(t, "sqlite3")
	ws := workspace(t)
	ws.Root = testbed.Filesystem(t, "ext4", 32<<20)
	d := &desk{T: t, ws: ws, store: kindtest.NewMemory(), path: filepath.Join(ws.Root, "app.db")}
	d.sql(rows + "; CREATE TABLE wide(b); INSERT INTO wide VALUES (randomblob(4000000))")
	alone, _, _ := d.capture()
	d.sql("DELETE FROM wide; VACUUM")
	before := d.facts()
	filler := testbed.Fill(t, ws.Root, 1<<20)
	require.ErrorContains(t, d.restore("alone", alone, kind.Part{}), "no space left on device")
	require.Equal(t, before, d.facts())
	require.NoError(t, os.Remove(filler))
	entries, err := os.ReadDir(ws.Root)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, d.restore("alone", alone, kind.Part{}))
}
