package sqlite

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	stored "dogear/internal/content"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/files"
	"dogear/kind/kindtest"
)

// desk is a workspace with one database and the tree that holds it.
type desk struct {
	*testing.T
	ws    *kind.Workspace
	store *kindtest.Memory
	path  string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	testbed.Require(t, "sqlite3")
	ws := workspace(t)
	return &desk{T: t, ws: ws, store: kindtest.NewMemory(), path: filepath.Join(ws.Root, "app.db")}
}

// item is the database, as the engine completes it.
func (d *desk) item() kind.Item {
	d.Helper()
	items := find(d.T, d.ws, treeItem(d.ws))
	require.Len(d, items, 1)
	return items[0]
}

// tree is the tree that holds it.
func (d *desk) tree(item kind.Item) kind.Item {
	tree := treeItem(d.ws)[0]
	for _, c := range item.Claims {
		tree.Claimed = append(tree.Claimed, c.Paths...)
	}
	return tree
}

func (d *desk) facts() map[string]string { return inspect(d.T, d.ws.Look(), d.item()) }

// program is sqlite3 on the database, which is killed without a chance to tidy
// up: its log or journal stays.
type program struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	out   *io.PipeReader
}

func (d *desk) open(statements string) *program {
	d.Helper()
	cmd := exec.Command("sqlite3", d.path)
	input, err := cmd.StdinPipe()
	require.NoError(d, err)
	out, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(d, cmd.Start())
	p := &program{cmd: cmd, input: input, out: out}
	d.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = out.Close()
	})
	_, err = io.WriteString(input, statements+";\nSELECT 'ready';\n")
	require.NoError(d, err)
	said := ""
	for buf := make([]byte, 512); !strings.Contains(said, "ready"); {
		n, err := out.Read(buf)
		require.NoError(d, err, said)
		said += string(buf[:n])
	}
	require.NotContains(d, said, "Error")
	return p
}

func (p *program) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.out.Close()
	require.Error(t, p.cmd.Wait(), "it was killed")
}

// sql runs statements in a program of their own.
func (d *desk) sql(statements string) string {
	d.Helper()
	return strings.TrimSpace(testbed.Run(d, "sqlite3", d.path, statements))
}

// take captures an item as the engine does.
func take(d *desk, driver kind.Driver, item kind.Item) (kind.Part, map[string]string) {
	d.Helper()
	c, err := driver.Open(d.Context(), d.ws, item, d.store)
	require.NoError(d, err)
	defer func() { require.NoError(d, c.Close()) }()
	require.NoError(d, c.(kind.Preparer).Prepare(d.Context()))
	require.NoError(d, c.Take(d.Context()))
	part, err := c.Finish(d.Context())
	require.NoError(d, err)
	facts := map[string]string{}
	for f, err := range part.Facts {
		require.NoError(d, err)
		facts[f.Name] = f.Value
	}
	part.Root, part.Claims, part.Claimed, part.Needs = item.Root, item.Claims, item.Claimed, item.Needs
	return part, facts
}

// capture captures the database, and the tree with it.
func (d *desk) capture() (alone, tree kind.Part, facts map[string]string) {
	d.Helper()
	item := d.item()
	alone, facts = take(d, New(nil), item)
	tree, _ = take(d, files.New(), d.tree(item))
	return alone, tree, facts
}

// ways are the two ways in which a database comes back.
var ways = []string{"with its tree", "alone"}

func (d *desk) restore(way string, alone, tree kind.Part) error {
	if way == "alone" {
		return New(nil).Restore(d.Context(), d.ws.Look(), alone, d.store)
	}
	return files.New().Restore(d.Context(), d.ws.Look(), tree, d.store)
}

const rows = "CREATE TABLE t(n); INSERT INTO t WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<500) SELECT i FROM c"

// S1: what was written last is in the log only; the file without it may have no
// table at all. The unit (content) is copied whole, and folded into the dump.
func TestS1LogBelongsToTheDatabase(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			d := newDesk(t)
			d.open("PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; " + rows).kill(t)
			info, err := os.Stat(d.path)
			require.NoError(t, err)
			require.Equal(t, int64(4096), info.Size(), "the file alone must hold nothing yet")
			alone, tree, facts := d.capture()
			require.Contains(t, facts["table t"], "500 rows")
			require.NoError(t, os.Remove(d.path))
			require.NoError(t, os.Remove(d.path+"-wal"))
			require.NoError(t, d.restore(way, alone, tree))
			require.Equal(t, facts, d.facts())
			require.Equal(t, "500", d.sql("SELECT count(*) FROM t"))
			require.Equal(t, "wal", d.sql("PRAGMA journal_mode"))
		})
	}
}

// S2: a log of another state beside a restored file brings back what was
// written after the snapshot. Siblings go before the file is put in place
// (placing.removeSiblings; the tree engine removes what the snapshot lacks).
func TestS2StaleLogGoes(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			d := newDesk(t)
			d.sql("PRAGMA journal_mode=wal; " + rows)
			alone, tree, facts := d.capture()
			d.open("PRAGMA wal_autocheckpoint=0; INSERT INTO t VALUES (501)").kill(t)
			require.FileExists(t, d.path+"-wal")
			require.NoError(t, d.restore(way, alone, tree))
			require.NoFileExists(t, d.path+"-wal")
			require.Equal(t, "500", d.sql("SELECT count(*) FROM t"))
			require.Equal(t, facts, d.facts())
		})
	}
}

// S3: without its journal a file that was half written stays half written.
// The journal belongs to the unit: facts and dump are what SQLite makes of
// both, and the tree has both.
func TestS3HotJournalBelongsToTheDatabase(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			d := newDesk(t)
			d.sql(rows + "; CREATE TABLE wide(a); INSERT INTO wide SELECT hex(randomblob(400)) FROM t")
			clean := d.facts()
			d.open("PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN; UPDATE wide SET a = 'x' || a; DELETE FROM t WHERE n > 100").kill(t)
			require.FileExists(t, d.path+"-journal")
			alone, tree, facts := d.capture()
			require.Equal(t, clean, facts, "the transaction was never committed")
			require.NoError(t, os.Remove(d.path))
			require.NoError(t, os.Remove(d.path+"-journal"))
			require.NoError(t, d.restore(way, alone, tree))
			require.Equal(t, "ok", d.sql("PRAGMA integrity_check"))
			require.Equal(t, clean, d.facts())
		})
	}
}

// S4: VACUUM INTO would give a dump another journal mode, other pages and other
// row ids. The dump is the copied file itself (copied.whole).
func TestS4DumpKeepsPagesAndRowids(t *testing.T) {
	d := newDesk(t)
	d.sql("PRAGMA page_size=1024; PRAGMA journal_mode=wal; " + rows + "; DELETE FROM t WHERE n <> 7 AND n < 400; PRAGMA user_version=5; PRAGMA application_id=9")
	const look = "SELECT group_concat(rowid) FROM t; PRAGMA page_count; PRAGMA freelist_count; PRAGMA page_size; PRAGMA journal_mode; PRAGMA user_version; PRAGMA application_id"
	want := d.sql(look)
	require.NotContains(t, want, "\n0\n", "there must be free pages")
	alone, _, facts := d.capture()
	d.sql("DROP TABLE t; VACUUM; PRAGMA journal_mode=delete")
	require.NoError(t, d.restore("alone", alone, kind.Part{}))
	require.Equal(t, want, d.sql(look))
	require.Equal(t, facts, d.facts())
}

// S5: a program that has the database open goes on with what it knows of it,
// and writes that over restored pages, or into a file that has no name any
// more. Who has it open is looked for before anything is touched
// (tree: surveyor.holders; obstacles).
func TestS5OpenDatabaseIsNotTouched(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			d := newDesk(t)
			d.sql("PRAGMA journal_mode=wal; " + rows)
			alone, tree, facts := d.capture()
			p := d.open("INSERT INTO t VALUES (501)")
			who := fmt.Sprintf("is open in sqlite3 (process %d)", p.cmd.Process.Pid)
			for driver, part := range map[kind.Driver]kind.Part{New(nil): alone, files.New(): tree} {
				change, err := driver.(kind.Previewer).Preview(t.Context(), d.ws.Look(), part, d.store)
				require.NoError(t, err)
				require.Contains(t, strings.Join(change.Conflicts, "\n"), who)
			}
			require.ErrorContains(t, d.restore(way, alone, tree), who)
			require.Equal(t, "501", d.sql("SELECT count(*) FROM t"), "it is as it was")
			p.kill(t)
			require.NoError(t, d.restore(way, alone, tree))
			require.Equal(t, facts, d.facts())
		})
	}
}

// A program that has the database open is in nobody's way while nothing of it
// has to change.
func TestOpenDatabaseThatStaysIsNoObstacle(t *testing.T) {
	d := newDesk(t)
	d.sql(rows)
	other := filepath.Join(d.ws.Root, "other.txt")
	require.NoError(t, os.WriteFile(other, []byte("a"), 0o644))
	_, tree, _ := d.capture()
	d.open("SELECT count(*) FROM t")
	require.NoError(t, os.WriteFile(other, []byte("b"), 0o644))
	require.NoError(t, d.restore("with its tree", kind.Part{}, tree))
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	require.Equal(t, "a", string(text))
}

// A large database is not looked into, and nothing is claimed of it: its tree
// compares it byte by byte.
func TestLargeDatabaseIsComparedByItsTree(t *testing.T) {
	d := newDesk(t)
	d.sql(rows)
	require.NoError(t, os.Truncate(d.path, maxRead+1))
	item := d.item()
	require.Empty(t, item.Claims)
	part, facts := take(d, New(nil), item)
	require.Equal(t, map[string]string{notRead.Name: notRead.Value}, facts)
	require.Equal(t, "dump, and rows as facts", part.Gaps[0].What)
	require.Contains(t, part.Gaps[0].Why, "come back with files/.")
	change, err := New(nil).Preview(t.Context(), d.ws, part, d.store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionNone, change.Action)
}

// A dump costs nothing that is stored already: by the tree, or by the capture
// before (reading.accept asks the store).
func TestDumpIsStoredOnce(t *testing.T) {
	d := newDesk(t)
	d.sql("CREATE TABLE t(a); INSERT INTO t WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<4000) SELECT randomblob(1000) FROM c")
	item := d.item()
	take(d, files.New(), d.tree(item))
	before := d.store.Bytes()
	first, _ := take(d, New(nil), item)
	require.Less(t, d.store.Bytes()-before, int64(64<<10), "the tree has it")
	testbed.Eventually(t, 20*time.Second, "what it was is remembered", func() bool {
		again, _ := take(d, New(nil), item)
		require.Equal(t, first.Objects, again.Objects)
		stamp, err := unitAt(d.path).stamp()
		require.NoError(t, err)
		_, dump, ok := factCache{cache: d.ws.Cache, id: item.ID}.load(stamp)
		return ok && dump != nil
	})
	d.store.Clear()
	lost, _ := take(d, New(nil), item)
	require.Equal(t, first.Objects, lost.Objects)
	require.Greater(t, d.store.Bytes(), int64(4<<19), "a store that has lost it gets it again")
}

// What is wrong with a dump shows before the live database is touched.
func TestDamagedDumpTouchesNothing(t *testing.T) {
	d := newDesk(t)
	d.sql(rows)
	alone, _, _ := d.capture()
	d.sql("INSERT INTO t VALUES (501)")
	i := slices.IndexFunc(alone.Objects, func(o kind.Object) bool { return o.Name == databaseObject })
	whole, err := stored.ReadAll(t.Context(), d.store, alone.Objects[i])
	require.NoError(t, err)
	other := newDesk(t)
	other.sql(rows + "; DELETE FROM t WHERE n = 7")
	good, err := os.ReadFile(other.path)
	require.NoError(t, err)
	for name, damaged := range map[string][]byte{"cut off": whole[:len(whole)/2], "none": []byte(strings.Repeat("x", 8192)), "another": good} {
		alone.Objects[i], err = stored.PutBlocks(t.Context(), d.store, databaseObject, bytes.NewReader(damaged))
		require.NoError(t, err)
		require.ErrorContains(t, d.restore("alone", alone, kind.Part{}), "nothing was touched", name)
		require.Equal(t, "501", d.sql("SELECT count(*) FROM t"), name)
	}
	alone.Objects = slices.Delete(alone.Objects, i, i+1)
	require.EqualError(t, d.restore("alone", alone, kind.Part{}), withoutDump)
}

// Owner, mode and attributes are those of the live file; a file that is gone
// gets those that it had.
func TestAttributesOfAPlacedDatabase(t *testing.T) {
	d := newDesk(t)
	d.sql(rows)
	require.NoError(t, os.Chmod(d.path, 0o640))
	alone, _, facts := d.capture()
	d.sql("INSERT INTO t VALUES (501)")
	require.NoError(t, os.Chmod(d.path, 0o604))
	require.NoError(t, unix.Setxattr(d.path, "user.note", []byte("mine"), 0))
	require.NoError(t, d.restore("alone", alone, kind.Part{}))
	info, err := os.Stat(d.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o604), info.Mode())
	value := make([]byte, 10)
	n, err := unix.Getxattr(d.path, "user.note", value)
	require.NoError(t, err)
	require.Equal(t, "mine", string(value[:n]))
	require.NoError(t, os.Remove(d.path))
	require.NoError(t, d.restore("alone", alone, kind.Part{}))
	info, err = os.Stat(d.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	require.Equal(t, facts, d.facts())
}

// One table comes back alone, with its indexes, its triggers, its row ids, its
// next number and its statistics; everything else is as it was, and is not
// compared (Narrow).
func TestOneTableComesBack(t *testing.T) {
	d := newDesk(t)
	d.sql(`PRAGMA journal_mode=wal; CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT COLLATE NOCASE, up TEXT AS (upper(item)), CHECK (item <> ''));
CREATE TABLE lines("order" REFERENCES orders(id), n); CREATE UNIQUE INDEX by_item ON orders(item) WHERE item > 'a'; CREATE TABLE log(line);
CREATE TABLE pairs(a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO pairs VALUES (1, 2);
CREATE TRIGGER noted AFTER INSERT ON orders BEGIN INSERT INTO log VALUES (new.item); END; CREATE VIEW v AS SELECT * FROM orders JOIN lines ON id = "order";
INSERT INTO orders(item) VALUES ('tea'), ('cup'), ('pot'); DELETE FROM orders WHERE id = 3; INSERT INTO lines VALUES (1, 5), (2, 6); DELETE FROM lines WHERE n = 5; ANALYZE`)
	const look = "SELECT rowid, * FROM lines; SELECT * FROM orders; SELECT * FROM sqlite_sequence; SELECT * FROM sqlite_stat1 ORDER BY 1, 2, 3; SELECT * FROM pairs"
	want := d.sql(look)
	alone, _, facts := d.capture()
	require.NoError(t, New(nil).HasInside(t.Context(), alone, d.store, "orders"))
	require.ErrorContains(t, New(nil).HasInside(t.Context(), alone, d.store, "none"), "no table none in it; it has lines, log, orders, pairs")
	d.sql("DROP VIEW v; DROP TABLE orders; CREATE TABLE orders(x); CREATE INDEX later ON orders(x); DELETE FROM lines; DELETE FROM pairs; INSERT INTO log VALUES ('stays'); DELETE FROM sqlite_sequence")
	alone.Inside = []string{"lines", "orders", "pairs"}
	require.NoError(t, d.restore("alone", alone, kind.Part{}))
	require.Equal(t, want, d.sql(look))
	require.Equal(t, "ok", d.sql("PRAGMA integrity_check"))
	require.Equal(t, "wal", d.sql("PRAGMA journal_mode"))
	left, err := New(nil).Narrow(t.Context(), d.ws.Look(), alone, d.store)
	require.NoError(t, err)
	for name, value := range d.facts() {
		if !left.Leaves(name) {
			require.Equal(t, facts[name], value, name)
		}
	}
	for fact, leaves := range map[string]bool{"table orders": false, "schema trigger noted": false, "schema index by_item": false, "table log": true, "schema view v": true, "user_version": true} {
		require.Equal(t, leaves, left.Leaves(fact), fact)
	}
	require.Equal(t, "4", d.sql("SELECT count(*) FROM log"))
	change, err := New(nil).Preview(t.Context(), d.ws.Look(), alone, d.store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionNone, change.Action)
}

// A table that cannot be had alone is refused, and nothing is touched.
func TestTableThatCannotComeAlone(t *testing.T) {
	d := newDesk(t)
	d.sql("CREATE VIRTUAL TABLE words USING fts5(w); INSERT INTO words VALUES ('tea'); CREATE TABLE a(x)")
	alone, _, _ := d.capture()
	d.sql("DROP TABLE words; CREATE TABLE words(w)")
	before := d.facts()
	alone.Inside = []string{"words"}
	require.ErrorContains(t, d.restore("alone", alone, kind.Part{}), "virtual table")
	require.Equal(t, before, d.facts())
	alone.Inside = nil
	require.NoError(t, d.restore("alone", alone, kind.Part{}))
	require.Equal(t, "tea", d.sql("SELECT w FROM words WHERE words MATCH 'tea'"))
}

// A database from elsewhere becomes a part, with its log; what is no database,
// or damaged, does not.
func TestForeignDatabaseIsImported(t *testing.T) {
	d := newDesk(t)
	d.sql("CREATE TABLE mine(x)")
	item := d.item()
	other := newDesk(t)
	other.open("PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; " + rows).kill(t)
	part, err := New(nil).Import(t.Context(), d.ws, item, other.path, d.store)
	require.NoError(t, err)
	require.Equal(t, collect(t, part.Facts), other.facts())
	require.NoError(t, d.restore("alone", part, kind.Part{}))
	require.Equal(t, "500", d.sql("SELECT count(*) FROM t"))
	require.Equal(t, other.facts(), d.facts())

	text := filepath.Join(t.TempDir(), "dump.sql")
	require.NoError(t, os.WriteFile(text, []byte("CREATE TABLE t(x);"+strings.Repeat(" ", 600)), 0o600))
	_, err = New(nil).Import(t.Context(), d.ws, item, text, d.store)
	require.ErrorContains(t, err, "it is no SQLite database")
	whole, err := os.ReadFile(d.path)
	require.NoError(t, err)
	copy(whole[4096:], strings.Repeat("x", 4000))
	require.NoError(t, os.WriteFile(text, whole, 0o600))
	_, err = New(nil).Import(t.Context(), d.ws, item, text, d.store)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(text, whole[:len(whole)-100], 0o600))
	_, err = New(nil).Import(t.Context(), d.ws, item, text, d.store)
	require.Error(t, err, "cut off")

	// An index that does not fit its table is in no fact: all pages are looked through.
	wrong := filepath.Join(t.TempDir(), "wrong.db")
	testbed.Run(t, "sqlite3", "-cmd", ".dbconfig defensive off", wrong, rows+"; CREATE INDEX by_n ON t(n); PRAGMA writable_schema=on; UPDATE sqlite_schema SET sql = 'CREATE INDEX by_n ON t(n DESC)' WHERE name = 'by_n'")
	_, err = New(nil).Import(t.Context(), d.ws, item, wrong, d.store)
	require.ErrorContains(t, err, "it is damaged")
}
