package store_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

func repair(t testing.TB, dir string) store.RepairReport {
	t.Helper()
	report, err := store.Repair(t.Context(), dir, store.Options{})
	require.NoError(t, err)
	return report
}

// richStore has something of everything in it, and is closed.
func richStore(t testing.TB) *store.Store {
	t.Helper()
	s := open(t)
	save(t, s, "01a", text(1, 3000), random(1, 2000))
	save(t, s, "01b", text(1, 3000), random(2, 500))
	save(t, s, "01c", random(3, 400))
	annotate(t, s, "01b", "a note", true)
	drop(t, s, "01c")
	require.NoError(t, s.AppendEvent(t.Context(), &snapshot.Event{Workspace: "w"}))
	require.NoError(t, s.PutReceipt(t.Context(), snapshot.Receipt{ID: "r1"}))
	require.NoError(t, s.Close())
	return s
}

// contents is all that a store says, for comparison.
type contents struct {
	snapshots  []snapshot.Snapshot
	workspaces []snapshot.Workspace
	events     []snapshot.Event
	receipt    snapshot.Receipt
	has        []bool
}

func contentsOf(t testing.TB, s *store.Store) (c contents) {
	t.Helper()
	var err error
	c.snapshots, err = s.Snapshots(t.Context(), "")
	require.NoError(t, err)
	own, err := s.Snapshots(t.Context(), "0123456789abcdef")
	require.NoError(t, err)
	require.Equal(t, c.snapshots, own)
	c.workspaces, err = s.Workspaces(t.Context())
	require.NoError(t, err)
	c.events, err = s.Events(t.Context(), "")
	require.NoError(t, err)
	c.receipt, err = s.Receipt(t.Context(), "r1")
	require.NoError(t, err)
	var ids []kind.ChunkID
	for _, b := range [][]byte{text(1, 3000), random(1, 2000), random(2, 500), random(3, 400), random(4, 1)} {
		ids = append(ids, kind.Sum(b))
	}
	c.has, err = s.Has(t.Context(), ids)
	require.NoError(t, err)
	return c
}

func TestRepairRebuildsAnyCatalog(t *testing.T) {
	s := richStore(t)
	want := contentsOf(t, reopenQuietly(t, s.Dir()))
	good, err := os.ReadFile(filepath.Join(s.Dir(), "catalog.db"))
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 1))
	noise := random(9, len(good))
	bad := map[string][]byte{
		"whole": good, "empty": {}, "garbage": noise, "short garbage": noise[:100],
		"half": good[:len(good)/2], "no end": good[:len(good)-4096], "a few bytes": good[:10],
		"no meta": append(append([]byte(nil), noise[:8192]...), good[8192:]...),
		"zero":    make([]byte, len(good)), "text": []byte(strings.Repeat("catalog\n", 5000)),
	}
	for range 20 {
		spoiled := append([]byte(nil), good...)
		for range 1 + r.IntN(20) {
			spoiled[r.IntN(len(spoiled))] ^= byte(1 + r.IntN(255))
		}
		bad["spoiled "+string(rune('a'+len(bad)))] = spoiled
	}
	for name, content := range bad {
		t.Run(name, func(t *testing.T) {
			dir := copyDir(t, s.Dir())
			path := filepath.Join(dir, "catalog.db")
			require.NoError(t, os.WriteFile(path, content, 0o600))
			report := repair(t, dir)
			require.Empty(t, report.Damaged)
			aside, err := os.Stat(report.SetAside)
			require.NoError(t, err)
			require.Equal(t, int64(len(content)), aside.Size())
			require.Equal(t, []int{2, 1, 1}, []int{report.Snapshots, report.Receipts, report.Events})
			require.Equal(t, report.Packs, 3)

			again := storetest.OpenAt(t, dir)
			require.Equal(t, want, contentsOf(t, again))
			save(t, again, "01d", random(5, 100))
		})
	}
}

func reopenQuietly(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestRepairWithoutACatalog(t *testing.T) {
	s := richStore(t)
	dir := copyDir(t, s.Dir())
	want := contentsOf(t, reopenQuietly(t, s.Dir()))
	remove("catalog.db")(t, dir)
	report := repair(t, dir)
	require.Empty(t, report.SetAside)
	require.Equal(t, want, contentsOf(t, storetest.OpenAt(t, dir)))
}

// TestRepairWritesRecordsAnew damages, and loses, each record of a store whose
// catalog is whole.
func TestRepairWritesRecordsAnew(t *testing.T) {
	s := richStore(t)
	now := copyDir(t, s.Dir())
	want := contentsOf(t, reopenQuietly(t, s.Dir()))
	for _, path := range filesBelow(t, now) {
		if filepath.Dir(path) == "packs" || path == "key" || path == "lock" {
			continue
		}
		for _, lost := range []bool{false, true} {
			dir := copyDir(t, now)
			if lost {
				remove(path)(t, dir)
			} else {
				damage(t, filepath.Join(dir, path), 90)
			}
			report := repair(t, dir)
			require.Empty(t, report.Damaged)
			require.Equal(t, []string{path}, report.Rewritten)
			again := reopenQuietly(t, dir)
			storetest.Check(t, again)
			require.Equal(t, want, contentsOf(t, again))
			whole, err := os.ReadFile(filepath.Join(now, path))
			require.NoError(t, err)
			have, err := os.ReadFile(filepath.Join(dir, path))
			require.NoError(t, err)
			require.Equal(t, whole, have)
		}
	}
}

func TestRepairReportsAndLeavesWhatIsDamaged(t *testing.T) {
	s := richStore(t)
	remove("catalog.db")(t, s.Dir())
	damage(t, filepath.Join(s.Dir(), "snapshots", "01a.json"), 100)
	damage(t, files(t, s, "events")[0], 100)
	lost := files(t, s, "packs")
	for _, path := range lost {
		info, err := os.Stat(path)
		require.NoError(t, err)
		damage(t, path, info.Size()-20)
	}
	report := repair(t, s.Dir())
	var where []string
	for _, p := range report.Damaged {
		where = append(where, p.Where)
	}
	want := []string{"events/00000000000000000001.json", "snapshot 01b", "snapshots/01a.json"}
	for _, path := range lost {
		require.FileExists(t, path)
		want = append(want, "packs/"+filepath.Base(path))
	}
	require.ElementsMatch(t, want, where)
	require.FileExists(t, filepath.Join(s.Dir(), "snapshots", "01b.json"))
	requireListed(t, reopenQuietly(t, s.Dir()), []snapshot.ID{}...)

	// What comes back is listed again.
	for _, path := range lost {
		info, err := os.Stat(path)
		require.NoError(t, err)
		damage(t, path, info.Size()-20)
	}
}

func TestRepairRefuses(t *testing.T) {
	s := open(t)
	_, err := store.Repair(t.Context(), s.Dir(), store.Options{})
	require.ErrorIs(t, err, store.ErrLocked)
	require.NoError(t, s.Close())
	_, err = store.Repair(t.Context(), newDir(t), store.Options{})
	require.ErrorIs(t, err, store.ErrNotStore)
}
