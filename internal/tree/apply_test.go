package tree_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/content"
	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func inode(t testing.TB, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(path, &st))
	return st.Ino
}

// database makes a file of 100 blocks, each of its own byte.
func database(t *testing.T, path string) {
	t.Helper()
	var b bytes.Buffer
	for i := range 100 {
		b.Write(bytes.Repeat([]byte{byte(i)}, content.BlockSize))
	}
	b.WriteString("the last block is short")
	writeFile(t, path, b.String())
}

func overwrite(t *testing.T, path string, offset int64, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(content), offset)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestInPlaceFilesArePatched(t *testing.T) {
	store, root := kindtest.NewMemory(), t.TempDir()
	path := filepath.Join(root, "base/1")
	database(t, path)
	opts := tree.Options{InPlace: []kind.Pattern{"base"}}
	result := captureTree(t, root, opts, store)
	want, ino := liveFacts(t, root, opts), inode(t, path)

	overwrite(t, path, 5*content.BlockSize+77, "changed")
	overwrite(t, path, 99*content.BlockSize, "changed")
	require.NoError(t, os.Truncate(path, 99*content.BlockSize+100))
	changes := apply(t, root, opts, result.Manifest, store)
	require.Equal(t, 1, changes.Patched)
	require.Len(t, changes.Chunks, 3)
	require.Equal(t, want, liveFacts(t, root, opts))
	require.Equal(t, ino, inode(t, path))

	// One that has another name is never written to.
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.Link(path, outside))
	overwrite(t, path, 5*content.BlockSize, "changed")
	changed, err := os.ReadFile(outside)
	require.NoError(t, err)
	changes = apply(t, root, opts, result.Manifest, store)
	require.Equal(t, 1, changes.Rewritten)
	require.Equal(t, want, liveFacts(t, root, opts))
	after, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, changed, after)
}

// A package manager hard-links files of its store into many places: neither
// their content nor their attributes are ours to change.
func TestFilesLinkedFromOutsideAreReplaced(t *testing.T) {
	store, root, outside := kindtest.NewMemory(), t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(outside, "stored"), "shared")
	require.NoError(t, os.Link(filepath.Join(outside, "stored"), filepath.Join(root, "a")))
	require.NoError(t, os.Link(filepath.Join(outside, "stored"), filepath.Join(root, "b")))
	result := captureTree(t, root, tree.Options{}, store)
	want := liveFacts(t, root, tree.Options{})

	require.NoError(t, os.Chmod(filepath.Join(outside, "stored"), 0o600))
	changes := apply(t, root, tree.Options{}, result.Manifest, store)
	require.Equal(t, 2, changes.Rewritten)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
	st, err := os.Stat(filepath.Join(outside, "stored"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, st.Mode().Perm())
	require.Equal(t, inode(t, filepath.Join(root, "a")), inode(t, filepath.Join(root, "b")))

	// A group of which every name is known is changed as it is.
	ino := inode(t, filepath.Join(root, "a"))
	require.NoError(t, os.Chmod(filepath.Join(root, "a"), 0o600))
	changes = apply(t, root, tree.Options{}, result.Manifest, store)
	require.Equal(t, 1, changes.Meta)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
	require.Equal(t, ino, inode(t, filepath.Join(root, "a")))
}

func TestUnchangedFilesAndTheRootKeepTheirInodes(t *testing.T) {
	store, root := kindtest.NewMemory(), t.TempDir()
	writeFile(t, filepath.Join(root, "d/kept"), "kept")
	writeFile(t, filepath.Join(root, "d/changed"), "before")
	manifest := captureTree(t, root, tree.Options{}, store).Manifest
	before := []uint64{inode(t, root), inode(t, filepath.Join(root, "d")), inode(t, filepath.Join(root, "d/kept"))}
	writeFile(t, filepath.Join(root, "d/changed"), "after")
	writeFile(t, filepath.Join(root, "d/new/one"), "extra")
	require.NoError(t, os.Chmod(root, 0o700))
	changes := apply(t, root, tree.Options{}, manifest, store)
	require.Equal(t, []uint64{inode(t, root), inode(t, filepath.Join(root, "d")), inode(t, filepath.Join(root, "d/kept"))}, before)
	require.Equal(t, 1, changes.Rewritten)
	require.Equal(t, 2, changes.Removed)
	require.Equal(t, []string{"set attributes of .", "set attributes of d", "rewrite d/changed", "remove d/new", "remove d/new/one"}, changes.Details)
}

func TestWhatIsNotOursStays(t *testing.T) {
	store, root := kindtest.NewMemory(), t.TempDir()
	writeFile(t, filepath.Join(root, "ours"), "ours")
	writeFile(t, filepath.Join(root, "sub/repo/file"), "theirs")
	writeFile(t, filepath.Join(root, "x.lock"), "locked")
	opts := tree.Options{Nested: []string{"sub/repo"}, Skip: []kind.Pattern{"**/*.lock"}}
	result := captureTree(t, root, opts, store)
	facts := liveFacts(t, root, opts)
	require.Contains(t, facts, "sub/repo: boundary")
	for _, f := range facts {
		require.NotContains(t, f, "theirs")
		require.NotContains(t, f, "lock")
	}

	// Nested in a directory that is not wanted, and skipped in another.
	empty := captureTree(t, t.TempDir(), tree.Options{}, store).Manifest
	writeFile(t, filepath.Join(root, "only/skipped.lock"), "locked")
	changes := apply(t, root, opts, empty, store)
	require.NotEmpty(t, changes.Gaps)
	for _, kept := range []string{"sub/repo/file", "x.lock", "only/skipped.lock"} {
		require.FileExists(t, filepath.Join(root, kept))
	}
	require.NoFileExists(t, filepath.Join(root, "ours"))

	// The manifest's own boundaries count, whatever the options say now.
	writeFile(t, filepath.Join(root, "sub/repo/more"), "theirs")
	apply(t, root, tree.Options{}, result.Manifest, store)
	require.FileExists(t, filepath.Join(root, "sub/repo/more"))
	require.NoFileExists(t, filepath.Join(root, "x.lock"))
}

func TestMountsAreBoundaries(t *testing.T) {
	testbed.Require(t, "mounts")
	store, root, other := kindtest.NewMemory(), t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(other, "theirs"), "theirs")
	writeFile(t, filepath.Join(root, "file"), "covered")
	writeFile(t, filepath.Join(root, "dir/below"), "covered")
	whole := captureTree(t, root, tree.Options{}, store).Manifest
	bind := func(from, to string) {
		require.NoError(t, unix.Mount(from, to, "", unix.MS_BIND, ""))
		t.Cleanup(func() { require.NoError(t, unix.Unmount(to, unix.MNT_DETACH)) })
	}
	// Both are on the same file system: the device number does not tell.
	bind(other, filepath.Join(root, "dir"))
	bind(filepath.Join(other, "theirs"), filepath.Join(root, "file"))
	facts := liveFacts(t, root, tree.Options{})
	require.Len(t, facts, 3)
	require.Equal(t, []string{"dir: boundary", "file: boundary"}, facts[1:])

	changes := apply(t, root, tree.Options{}, whole, store)
	require.Len(t, changes.Gaps, 2)
	empty := captureTree(t, t.TempDir(), tree.Options{}, store).Manifest
	apply(t, root, tree.Options{}, empty, store)
	require.FileExists(t, filepath.Join(other, "theirs"))
	require.FileExists(t, filepath.Join(root, "dir/theirs"))
}

// What is made in a directory with a default ACL inherits one; what was
// captured without one has to come back without.
func TestInheritedACLsDoNotStay(t *testing.T) {
	store, root := kindtest.NewMemory(), t.TempDir()
	dir := filepath.Join(root, "dir")
	writeFile(t, filepath.Join(dir, "plain"), "content")
	writeFile(t, filepath.Join(dir, "sub/plain"), "content")
	// u::rwx u:1234:rwx g::r-x m::rwx o::r-x
	acl := []byte{2, 0, 0, 0}
	for _, e := range [][2]uint32{{0x1, 1<<32 - 1}, {0x2, 1234}, {0x4, 1<<32 - 1}, {0x10, 1<<32 - 1}, {0x20, 1<<32 - 1}} {
		acl = append(acl, byte(e[0]), 0, 7, 0)
		acl = binary.LittleEndian.AppendUint32(acl, e[1])
	}
	require.NoError(t, unix.Setxattr(dir, "system.posix_acl_default", acl, 0))
	writeFile(t, filepath.Join(dir, "inheriting"), "content")
	require.NoError(t, os.Chmod(filepath.Join(dir, "inheriting"), 0o740))
	result := captureTree(t, root, tree.Options{}, store)
	want := liveFacts(t, root, tree.Options{})
	require.Contains(t, strings.Join(want, "\n"), "posix_acl_access")

	for _, name := range []string{"plain", "sub", "inheriting"} {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
	}
	apply(t, root, tree.Options{}, result.Manifest, store)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
	require.NoError(t, os.Chmod(filepath.Join(dir, "inheriting"), 0o700))
	apply(t, root, tree.Options{}, result.Manifest, store)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
	fresh := filepath.Join(t.TempDir(), "fresh")
	apply(t, fresh, tree.Options{}, result.Manifest, store)
	require.Equal(t, want, liveFacts(t, fresh, tree.Options{}))
}

const nobodyVariable = "DOGEAR_TREE_TEST_NOBODY"

// asNobody runs the calling test again as a user without rights, and reports
// whether this is that run, and the directory it may use.
func asNobody(t *testing.T) (string, bool) { return asNobodyAfter(t, func(string) {}) }

// asNobodyAfter is asNobody with something that root does in the directory before.
func asNobodyAfter(t *testing.T, prepare func(dir string)) (string, bool) {
	t.Helper()
	if dir := os.Getenv(nobodyVariable); dir != "" {
		return dir, true
	}
	if !isRoot() {
		return t.TempDir(), true
	}
	dir, err := os.MkdirTemp("", "dogear-test-nobody-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	const nobody = 65534
	require.NoError(t, os.Chown(dir, nobody, nobody))
	prepare(dir)
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), nobodyVariable+"="+dir, "TMPDIR="+dir)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return "", false
}

func TestUnreadableIsListedAndLeftAlone(t *testing.T) {
	base, ok := asNobody(t)
	if !ok {
		return
	}
	store, root := kindtest.NewMemory(), filepath.Join(base, "tree")
	writeFile(t, filepath.Join(root, "file"), "secret")
	writeFile(t, filepath.Join(root, "dir/inside"), "secret")
	writeFile(t, filepath.Join(root, "open"), "readable")
	require.NoError(t, os.Chmod(filepath.Join(root, "file"), 0))
	require.NoError(t, os.Chmod(filepath.Join(root, "dir"), 0))
	result := captureTree(t, root, tree.Options{}, store)
	require.Equal(t, []kind.Gap{
		{What: "dir", Why: "open: permission denied"},
		{What: "file", Why: "open: permission denied"},
	}, result.Gaps)
	require.False(t, result.Held.IsZero())

	// What can be read now was not captured, and is not destroyed.
	require.NoError(t, os.Chmod(filepath.Join(root, "file"), 0o644))
	require.NoError(t, os.Chmod(filepath.Join(root, "dir"), 0o755))
	writeFile(t, filepath.Join(root, "open"), "changed")
	changes := apply(t, root, tree.Options{}, result.Manifest, store)
	require.Equal(t, 1, changes.Rewritten)
	require.FileExists(t, filepath.Join(root, "dir/inside"))
	require.FileExists(t, filepath.Join(root, "file"))

	// And what is gone cannot come back, and that is said.
	require.NoError(t, os.RemoveAll(root))
	changes = apply(t, root, tree.Options{}, result.Manifest, store)
	require.Len(t, changes.Gaps, 2)
}

func TestReadOnlyDirectoriesAreRestored(t *testing.T) {
	base, ok := asNobody(t)
	if !ok {
		return
	}
	store, root := kindtest.NewMemory(), filepath.Join(base, "tree")
	writeFile(t, filepath.Join(root, "mod/dir/file"), "from a module cache")
	writeFile(t, filepath.Join(root, "mod/gone/file"), "from a module cache")
	modes := func(dir os.FileMode) {
		for _, name := range []string{"mod/dir", "mod/gone", "mod"} {
			require.NoError(t, os.Chmod(filepath.Join(root, name), dir))
		}
	}
	require.NoError(t, os.Chmod(filepath.Join(root, "mod/dir/file"), 0o444))
	modes(0o555)
	result := captureTree(t, root, tree.Options{}, store)
	want := liveFacts(t, root, tree.Options{})
	modes(0o755)
	writeFile(t, filepath.Join(root, "mod/extra/file"), "extra")
	require.NoError(t, os.Chmod(filepath.Join(root, "mod/dir/file"), 0o644))
	writeFile(t, filepath.Join(root, "mod/dir/file"), "changed")
	require.NoError(t, os.RemoveAll(filepath.Join(root, "mod/gone")))
	require.NoError(t, os.Chmod(filepath.Join(root, "mod/extra"), 0o555))
	for _, name := range []string{"mod/dir", "mod"} {
		require.NoError(t, os.Chmod(filepath.Join(root, name), 0o555))
	}
	apply(t, root, tree.Options{}, result.Manifest, store)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
	modes(0o755)
}

func TestClosedDirectoriesAreOpened(t *testing.T) {
	base, ok := asNobody(t)
	if !ok {
		return
	}
	store, root := kindtest.NewMemory(), filepath.Join(base, "tree")
	writeFile(t, filepath.Join(root, "a/b/file"), "content")
	result := captureTree(t, root, tree.Options{}, store)
	want := liveFacts(t, root, tree.Options{})
	writeFile(t, filepath.Join(root, "a/b/extra"), "extra")
	writeFile(t, filepath.Join(root, "extra/file"), "extra")
	for _, closed := range []string{"a/b", "a", "extra"} {
		require.NoError(t, os.Chmod(filepath.Join(root, closed), 0))
	}
	apply(t, root, tree.Options{}, result.Manifest, store)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
}

func TestOwnersOfOthersAreRefusedBeforeAnythingChanges(t *testing.T) {
	base, ok := asNobody(t)
	if !ok {
		return
	}
	store, root := kindtest.NewMemory(), filepath.Join(base, "tree")
	writeFile(t, filepath.Join(root, "file"), "content")
	manifest := tree.ForeignManifest(t, store, root)
	writeFile(t, filepath.Join(root, "file"), "changed")
	writeFile(t, filepath.Join(root, "other"), "extra")
	requireConflict(t, root, manifest, store, fmt.Sprintf(
		"file belongs to user 12345 and group %d: only root can restore it (and 1 more like it)", os.Getgid()))
}

// requireConflict makes sure that a comparison names the one thing that
// stands in the way, and that an Apply then refuses and changes nothing.
func requireConflict(t *testing.T, root string, manifest kind.Object, source kind.Source, conflict string) {
	t.Helper()
	before := kindtest.Inodes(t, root)
	changes, err := tree.New(root).Compare(t.Context(), tree.Options{}, manifest, source)
	require.NoError(t, err)
	require.Equal(t, []string{conflict}, changes.Conflicts)
	_, err = tree.New(root).Apply(t.Context(), tree.Options{}, manifest, source)
	require.EqualError(t, err, conflict)
	require.Equal(t, before, kindtest.Inodes(t, root))
}

// What others own now can be neither changed nor emptied by us, but replaced
// in a directory of our own.
func TestWhatBelongsToOthersNowIsRefusedBeforeAnythingChanges(t *testing.T) {
	if os.Getenv(nobodyVariable) == "" {
		testbed.Require(t, "root")
	}
	base, ok := asNobodyAfter(t, func(dir string) {
		for root, names := range map[string][]string{
			"removed": {"extra/inside", "theirs/file", "replaced"}, "changed": {"theirs/file", "replaced"}, "fine": {"replaced"},
		} {
			for _, name := range names {
				writeFile(t, filepath.Join(dir, root, name), "root's")
			}
			require.NoError(t, os.Chown(filepath.Join(dir, root), 65534, 65534))
		}
	})
	if !ok {
		return
	}
	store, ours := kindtest.NewMemory(), filepath.Join(base, "ours")
	manifest := func(name string) kind.Object {
		writeFile(t, filepath.Join(ours, name), "ours")
		return captureTree(t, ours, tree.Options{}, store).Manifest
	}
	few := manifest("replaced")
	requireConflict(t, filepath.Join(base, "removed"), few, store,
		"theirs belongs to user 0: only root or they can remove what is in it (and 1 more like it)")
	apply(t, filepath.Join(base, "fine"), tree.Options{}, few, store)
	require.Equal(t, liveFacts(t, ours, tree.Options{}), liveFacts(t, filepath.Join(base, "fine"), tree.Options{}))

	requireConflict(t, filepath.Join(base, "changed"), manifest("theirs/file"), store,
		"theirs belongs to user 0 now: only root or they can change it")
}

func chattr(t *testing.T, path, flags string) { testbed.Run(t, "chattr", flags, path) }

// Flags of an inode are no part of a tree, but they stop even root. What does
// not have to change may have them.
func TestUnchangeableFilesAreRefusedBeforeAnythingChanges(t *testing.T) {
	store, root := kindtest.NewMemory(), testbed.Filesystem(t, "ext4", 16<<20)
	for _, name := range []string{"dir/file", "other/file", "file", "same"} {
		writeFile(t, filepath.Join(root, name), "content")
	}
	manifest := captureTree(t, root, tree.Options{}, store).Manifest
	want := liveFacts(t, root, tree.Options{})
	flag := func(name, flags string, change func()) {
		change()
		path := filepath.Join(root, name)
		chattr(t, path, "+"+flags)
		word := map[string]string{"i": "immutable", "a": "append-only"}[flags]
		requireConflict(t, root, manifest, store, name+" is "+word+": make it changeable first (chattr -"+flags+")")
		chattr(t, path, "-"+flags)
	}
	chattr(t, filepath.Join(root, "same"), "+i")
	flag("file", "i", func() { require.NoError(t, os.Chmod(filepath.Join(root, "file"), 0o600)) })
	flag("file", "a", func() { writeFile(t, filepath.Join(root, "file"), "changed") })
	flag("extra", "i", func() { writeFile(t, filepath.Join(root, "extra"), "extra") })
	flag("dir", "i", func() { require.NoError(t, os.Remove(filepath.Join(root, "dir/file"))) })
	flag("other/file", "i", func() { writeFile(t, filepath.Join(root, "other/file"), "changed") })
	apply(t, root, tree.Options{}, manifest, store)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
	chattr(t, filepath.Join(root, "same"), "-i")
}

// Of a file of a database that is patched, only what was written is read back: the
// rest is as it was, since nobody else has it open meanwhile (holding). What the
// stat index then says is what is there.
func TestOnlyWhatIsPatchedIsReadBack(t *testing.T) {
	for _, open := range []bool{false, true} {
		store, root := kindtest.NewMemory(), t.TempDir()
		path := filepath.Join(root, "base/1")
		database(t, path)
		nextTick()
		opts := tree.Options{InPlace: []kind.Pattern{"base"}, Index: &memoryIndex{}}
		captured := captureTree(t, root, opts, store)
		want := liveFacts(t, root, tree.Options{InPlace: opts.InPlace})
		overwrite(t, path, 10*content.BlockSize+5, "changed")
		nextTick()
		_, err := tree.New(root).Compare(t.Context(), opts, captured.Manifest, store)
		require.NoError(t, err)
		if open {
			f, err := os.Open(path)
			require.NoError(t, err)
			defer func() { require.NoError(t, f.Close()) }()
		}
		before := tree.BytesRead(t)
		changes, err := tree.New(root).Apply(t.Context(), opts, captured.Manifest, store)
		require.NoError(t, err)
		require.Equal(t, 1, changes.Patched)
		read := tree.BytesRead(t) - before
		if open {
			require.Greater(t, read, 100*content.BlockSize, "somebody might have written to it")
		} else {
			require.Less(t, read, 20*content.BlockSize)
		}
		require.Equal(t, want, liveFacts(t, root, opts), "by the index")
		require.Equal(t, want, liveFacts(t, root, tree.Options{InPlace: opts.InPlace}))
		before = tree.BytesRead(t)
		changes, err = tree.New(root).Compare(t.Context(), opts, captured.Manifest, store)
		require.NoError(t, err)
		require.True(t, changes.None())
		require.Less(t, tree.BytesRead(t)-before, 20*content.BlockSize, "it is known")
	}
}
