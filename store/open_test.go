package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dogear/internal/testbed"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

func TestNewStoreIsPrivate(t *testing.T) {
	s := storetest.Open(t)
	save(t, s, "01a", text(1, 100))
	require.NoError(t, s.AppendEvent(t.Context(), &snapshot.Event{}))
	require.NoError(t, filepath.WalkDir(s.Dir(), func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		want := os.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, info.Mode().Perm(), path)
		return nil
	}))
	require.Len(t, s.Secret(), 32)
	require.Equal(t, filepath.Join(s.Dir(), "journal"), s.JournalDir())
}

func TestSecretStaysTheSame(t *testing.T) {
	s := open(t)
	secret := s.Secret()
	require.Equal(t, secret, reopen(t, s).Secret())
	require.NotEqual(t, secret, storetest.Open(t).Secret())
}

func TestOpenIsExclusive(t *testing.T) {
	s := open(t)
	_, err := store.Open(s.Dir(), store.Options{})
	require.ErrorIs(t, err, store.ErrLocked)
	var locked *store.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, os.Getpid(), locked.PID)
	reopen(t, s)
}

// childCommand is what a child process calls itself.
const childCommand = "dogear child"

func TestOpenNamesTheProcessThatHasTheStore(t *testing.T) {
	dir := newDir(t)
	cmd := childProcess(dir, "")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 1)) // it has the store by now
	require.NoError(t, err)

	_, err = store.Open(dir, store.Options{})
	var locked *store.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, cmd.Process.Pid, locked.PID)
	require.Equal(t, childCommand, locked.Command)
	require.WithinDuration(t, time.Now(), locked.Since, time.Minute)
	require.ErrorContains(t, err, fmt.Sprintf("in use by process %d (%s) since 20", cmd.Process.Pid, childCommand))

	require.NoError(t, cmd.Process.Kill())
	requireKilled(t, cmd.Wait())
	storetest.OpenAt(t, dir)
}

// TestLockFileOfTheDeadNamesNobody: between the death of a holder and the
// name of the next there is a lock, and the name of somebody else.
func TestLockFileOfTheDeadNamesNobody(t *testing.T) {
	s := open(t)
	dead := exec.Command("true")
	require.NoError(t, dead.Run())
	for _, content := range []string{fmt.Sprintf(`{"pid":%d,"command":"dogear save"}`, dead.Process.Pid), "", "708\n", `{"pid":-1}`} {
		require.NoError(t, os.WriteFile(filepath.Join(s.Dir(), "lock"), []byte(content), 0o600))
		_, err := store.Open(s.Dir(), store.Options{})
		require.ErrorContains(t, err, "in use by another process", content)
	}
}

func TestOpenRefuses(t *testing.T) {
	cases := map[string]struct {
		spoil func(t *testing.T, dir string)
		want  error
	}{
		"open to others":      {func(t *testing.T, dir string) { chmod(t, dir, 0o755) }, store.ErrNotPrivate},
		"a key for all":       {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "key"), 0o644) }, store.ErrNotPrivate},
		"a link":              {replaceByLink, store.ErrNotPrivate},
		"no key":              {remove("key"), os.ErrNotExist},
		"a short key":         {write("key", "short"), store.ErrDamaged},
		"content, no format":  {remove("format.json"), store.ErrDamaged},
		"garbage for format":  {write("format.json", "garbage"), store.ErrDamaged},
		"a newer format":      {write("format.json", `{"format":2}`), store.ErrNewer},
		"an older format":     {write("format.json", `{"format":0}`), store.ErrOlder},
		"another key":         {write("key", strings.Repeat("k", 32)), store.ErrDamaged},
		"garbage for catalog": {write("catalog.db", strings.Repeat("garbage!", 4096)), store.ErrDamaged},
		"a newer catalog":     {newerCatalog, store.ErrNewer},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			save(t, s, "01a", text(1, 100))
			require.NoError(t, s.Close())
			c.spoil(t, s.Dir())
			_, err := store.Open(s.Dir(), store.Options{})
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, s.Dir())
		})
	}
}

// What format.json says is in docs/format.md, and changes with it only.
func TestFormatSaysHowContentIsCut(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(open(t).Dir(), "format.json"))
	require.NoError(t, err)
	require.Contains(t, string(b), `"body":{"hash":"sha256",`+
		`"chunker":{"algorithm":"jc-v1.0.0","min":65536,"normal":262144,"max":1048576},`+
		`"lists":{"algorithm":"jc-v1.0.0","min":1024,"normal":4096,"max":16384},`+
		`"paged":{"page":8192,"block":131072},"codec":"zstd","key":"`)
}

func chmod(t *testing.T, path string, mode os.FileMode) { require.NoError(t, os.Chmod(path, mode)) }

func remove(name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, name))) }
}

func write(name, content string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
}

func replaceByLink(t *testing.T, dir string) {
	elsewhere := t.TempDir()
	require.NoError(t, os.Rename(filepath.Join(dir, "packs"), filepath.Join(elsewhere, "packs")))
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "packs"), filepath.Join(dir, "packs")))
}

func newerCatalog(t *testing.T, dir string) {
	db, err := bbolt.Open(filepath.Join(dir, "catalog.db"), 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("version"), []byte{0, 0, 0, 9})
	}))
	require.NoError(t, db.Close())
}

func TestOpenRefusesAForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	chmod(t, dir, 0o700)
	write("thesis.tex", "")(t, dir)
	_, err := store.Open(dir, store.Options{})
	require.ErrorIs(t, err, store.ErrNotStore)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestOpenRefusesAForeignOwner(t *testing.T) {
	testbed.Require(t, "root")
	s := open(t)
	require.NoError(t, s.Close())
	require.NoError(t, os.Chown(s.Dir(), 12345, 12345))
	_, err := store.Open(s.Dir(), store.Options{})
	require.ErrorIs(t, err, store.ErrNotPrivate)
}

func TestOpenWhereNothingCanBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := store.Open(filepath.Join(file, "store"), store.Options{})
	require.ErrorIs(t, err, store.ErrNotWritable)
}

func TestOpenOnAReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t, "8m")
	dir := filepath.Join(disk, "store")
	s, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, syscall.Mount("dogear-test", disk, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err = store.Open(dir, store.Options{})
	require.ErrorIs(t, err, store.ErrNotWritable)
}

func TestInterruptedCreationIsFinished(t *testing.T) {
	dir := newDir(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "packs"), 0o700))
	write("key", "half a key")(t, dir)
	write(".dogear-tmp-1", "")(t, dir)
	s := storetest.OpenAt(t, dir)
	require.Len(t, s.Secret(), 32)
	require.NoFileExists(t, filepath.Join(dir, ".dogear-tmp-1"))
}

func TestLostCatalogIsRebuilt(t *testing.T) {
	s := open(t)
	a := save(t, s, "01a", text(1, 100), random(1, 100))
	b := save(t, s, "01b", text(1, 100), random(2, 700<<10))
	event := snapshot.Event{Operation: snapshot.OpSave, Workspace: a.Workspace.ID, Snapshot: a.ID, Outcome: "done"}
	require.NoError(t, s.AppendEvent(t.Context(), &event))
	receipt := snapshot.Receipt{ID: "r1", Snapshot: a.ID}
	require.NoError(t, s.PutReceipt(t.Context(), receipt))
	require.NoError(t, s.Close())
	remove("catalog.db")(t, s.Dir())

	s = storetest.OpenAt(t, s.Dir())
	list, err := s.Snapshots(t.Context(), a.Workspace.ID)
	require.NoError(t, err)
	require.Equal(t, []snapshot.Snapshot{b, a}, list)
	requireContent(t, s, text(1, 100), random(1, 100), random(2, 700<<10))
	events, err := s.Events(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []snapshot.Event{event}, events)
	have, err := s.Receipt(t.Context(), "r1")
	require.NoError(t, err)
	require.Equal(t, receipt, have)
	require.NoError(t, s.AppendEvent(t.Context(), &event))
	require.Equal(t, uint64(2), event.Seq)
}

func TestDamagedPackDoesNotKeepTheStoreShut(t *testing.T) {
	s := open(t)
	save(t, s, "01a", text(1, 100))
	require.NoError(t, s.Close())
	remove("catalog.db")(t, s.Dir())
	packs, err := filepath.Glob(filepath.Join(s.Dir(), "packs", "*"))
	require.NoError(t, err)
	require.Len(t, packs, 1)
	require.NoError(t, os.Truncate(packs[0], 100))

	s, err = store.Open(s.Dir(), store.Options{})
	require.NoError(t, err)
	list, err := s.Snapshots(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, list, "a snapshot without its content is not listed")
	report, err := s.Check(t.Context(), false)
	require.NoError(t, err)
	require.Len(t, report.Problems, 2)
	require.FileExists(t, packs[0], "nothing is thrown away")
	require.NoError(t, s.Close())
}

func TestEventsGetAscendingNumbers(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s, err := store.Open(newDir(t), store.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	for i, workspace := range []string{"a", "b", "a"} {
		e := snapshot.Event{Workspace: workspace}
		require.NoError(t, s.AppendEvent(t.Context(), &e))
		require.Equal(t, uint64(i+1), e.Seq)
		require.Equal(t, now, e.Time)
	}
	events, err := s.Events(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, []uint64{3, 1}, []uint64{events[0].Seq, events[1].Seq})
	storetest.Check(t, s)
	require.NoError(t, s.Close())
}

func TestReceipts(t *testing.T) {
	s := storetest.Open(t)
	_, err := s.Receipt(t.Context(), "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	for _, identical := range []bool{false, true} {
		r := snapshot.Receipt{ID: "r1", Identical: identical}
		require.NoError(t, s.PutReceipt(t.Context(), r))
		have, err := s.Receipt(t.Context(), "r1")
		require.NoError(t, err)
		require.Equal(t, r, have)
	}
	for _, id := range []string{"", "..", "../key", "a/b", ".hidden"} {
		require.Error(t, s.PutReceipt(t.Context(), snapshot.Receipt{ID: id}), id)
	}
}

func TestErrorsAreNotMixedUp(t *testing.T) {
	require.False(t, errors.Is(store.ErrLocked, store.ErrNotWritable))
	require.ErrorIs(t, &store.LockedError{Holder: store.Holder{PID: 7}}, store.ErrLocked)
	require.EqualError(t, &store.LockedError{}, "the store is in use by another process")
}
