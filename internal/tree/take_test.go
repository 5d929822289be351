package tree_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

func openCapture(t *testing.T, root string, opts tree.Options, sink kind.Sink) tree.Capture {
	t.Helper()
	c, err := tree.New(root).Capture(t.Context(), opts, sink)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func finish(t *testing.T, c tree.Capture) tree.Result {
	t.Helper()
	result, err := c.Finish(t.Context())
	require.NoError(t, err)
	return result
}

func TestTakeWithoutPrepare(t *testing.T) {
	store, root := kindtest.NewMemory(), filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	want := liveFacts(t, root, tree.Options{})
	c := openCapture(t, root, tree.Options{}, store)
	require.NoError(t, c.Take(t.Context()))
	require.Zero(t, store.Bytes(), "Take puts nothing in the sink")
	result := finish(t, c)
	require.Equal(t, want, factsOf(t, result.Entries))
	require.Equal(t, captureTree(t, root, tree.Options{}, store).Manifest, result.Manifest)
	copied := filepath.Join(t.TempDir(), "copy")
	apply(t, copied, tree.Options{}, result.Manifest, store)
	require.Equal(t, want, liveFacts(t, copied, tree.Options{}))
}

// Take has the state of its own moment, whatever changed before and changes
// after it.
// What Finish returned before Take is what it returns after it, if Take finds the
// tree as Prepare did; that it does is known of nothing else.
func TestWhatWasForeseenCameTrueOrNot(t *testing.T) {
	changes := map[string]func(root string) error{
		"nothing":   nil,
		"a file":    func(root string) error { return os.WriteFile(filepath.Join(root, "a"), []byte("b"), 0o600) },
		"a mode":    func(root string) error { return os.Chmod(filepath.Join(root, "a"), 0o640) },
		"a new one": func(root string) error { return os.Mkdir(filepath.Join(root, "c"), 0o700) },
		"gone":      func(root string) error { return os.Remove(filepath.Join(root, "a")) },
	}
	for name, change := range changes {
		store, root := kindtest.NewMemory(), t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(root, "a"), []byte("a"), 0o600))
		nextTick()
		c := openCapture(t, root, tree.Options{}, store)
		require.NoError(t, c.Prepare(t.Context()))
		foreseen := finish(t, c)
		if change != nil {
			require.NoError(t, change(root))
		}
		require.NoError(t, c.Take(t.Context()))
		held, came := tree.CameTrue(c)
		require.Equal(t, change == nil, came, name)
		result := finish(t, c)
		require.Equal(t, came, result.Manifest.Chunks[0] == foreseen.Manifest.Chunks[0], name)
		require.Equal(t, liveFacts(t, root, tree.Options{}), factsOf(t, result.Entries))
		require.Equal(t, result.Held, held, name)
	}
}

// nextTick waits until the clock by which the kernel stamps files has moved.
func nextTick() { <-time.After(30 * time.Millisecond) }

// A tree that nobody touches is held from Prepare on, so that several trees
// that are taken one after the other have a moment in common.
func TestATreeThatRestsIsHeldSincePrepare(t *testing.T) {
	root := t.TempDir()
	write := func(name string) {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(name), 0o600))
	}
	write("a")
	nextTick()
	c := openCapture(t, root, tree.Options{}, kindtest.NewMemory())
	require.NoError(t, c.Prepare(t.Context()))
	prepared := time.Now()
	nextTick()
	taking := time.Now()
	require.NoError(t, c.Take(t.Context()))
	held := finish(t, c).Held
	require.True(t, held.From.Before(prepared), "since %s", held.From)
	require.True(t, held.To.After(taking))

	c = openCapture(t, root, tree.Options{}, kindtest.NewMemory())
	require.NoError(t, c.Prepare(t.Context()))
	write("b")
	written := time.Now()
	require.NoError(t, c.Take(t.Context()))
	held = finish(t, c).Held
	require.True(t, held.From.After(written), "what changed after Prepare is not held since then")
}

func TestTakeHasItsOwnMoment(t *testing.T) {
	store, root := kindtest.NewMemory(), filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	many(t, root, 4)
	c := openCapture(t, root, tree.Options{}, store)
	require.NoError(t, c.Prepare(t.Context()))
	require.NoError(t, os.RemoveAll(filepath.Join(root, "many/3")))
	require.NoError(t, os.Rename(filepath.Join(root, "many/4"), filepath.Join(root, "many/renamed")))
	require.NoError(t, os.Chmod(filepath.Join(root, "a/one"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(root, "a/linked")))
	overwrite(t, filepath.Join(root, "sparse"), 2<<20, "filled")
	overwrite(t, filepath.Join(root, "big"), 0, "changed")
	want := liveFacts(t, root, tree.Options{})
	require.NoError(t, c.Take(t.Context()))
	require.NoError(t, os.RemoveAll(root))
	result := finish(t, c)
	require.Equal(t, want, factsOf(t, result.Entries))
	require.False(t, result.Held.IsZero())
	apply(t, root, tree.Options{}, result.Manifest, store)
	require.Equal(t, want, liveFacts(t, root, tree.Options{}))
}

// writer keeps changing files until it is stopped.
func keepWriting(t *testing.T, write func(i int)) (stop func()) {
	t.Helper()
	begun, quit, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			write(i)
			if i == 0 {
				close(begun)
			}
			select {
			case <-quit:
				return
			default:
			}
		}
	}()
	<-begun
	return func() {
		close(quit)
		<-done
	}
}

// What is said to be held did not change in that time, and what did change is
// named, however the writer and the capture are scheduled.
func TestWhatMovesIsNotHeld(t *testing.T) {
	store, root := kindtest.NewMemory(), filepath.Join(t.TempDir(), "tree")
	fill(t, root)
	many(t, root, 4)
	log := filepath.Join(root, "log")
	moved := false
	for deadline := time.Now().Add(time.Minute); !moved && time.Now().Before(deadline); {
		var writes []kind.Interval
		stop := keepWriting(t, func(i int) {
			from := time.Now()
			if os.WriteFile(log, []byte(strconv.Itoa(i)), 0o600) == nil {
				writes = append(writes, kind.Interval{From: from, To: time.Now()})
			}
		})
		c := openCapture(t, root, tree.Options{}, store)
		require.NoError(t, c.Prepare(t.Context()))
		require.NoError(t, c.Take(t.Context()))
		stop()
		result := finish(t, c)
		for _, write := range writes {
			require.False(t, result.Held.Covers(write), "%v was written to in %v", result.Held, write)
		}
		moved = result.Held.IsZero()
		for e, err := range tree.ReadManifest(t.Context(), store, result.Manifest) {
			require.NoError(t, err)
			require.Equal(t, moved && e.Path == "log", e.Unstable, e.Path)
		}
	}
	require.True(t, moved, "the writer was never seen")
}

// Names come and go all the time: no capture fails, and each is a tree.
func TestFilesThatComeAndGo(t *testing.T) {
	store, root := kindtest.NewMemory(), t.TempDir()
	many(t, root, 4)
	stop := keepWriting(t, func(i int) {
		dir := filepath.Join(root, "d"+strconv.Itoa(i%3))
		_ = os.MkdirAll(dir, 0o755)
		_ = os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o600)
		_ = os.RemoveAll(dir)
	})
	defer stop()
	for range 10 {
		result := captureTree(t, root, tree.Options{}, store)
		factsOf(t, tree.ReadManifest(t.Context(), store, result.Manifest))
	}
}

// A reference is written after what it refers to. However the tree moves, the
// captured reference is there together with its object.
func TestFirstIsNeverNewerThanTheRest(t *testing.T) {
	store, root := kindtest.NewMemory(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "objects"), 0o755))
	ref := filepath.Join(root, "ref")
	stop := keepWriting(t, func(i int) {
		name := strconv.Itoa(i)
		_ = os.WriteFile(filepath.Join(root, "objects", name), []byte("object"), 0o600)
		_ = os.WriteFile(ref+".new", []byte(name), 0o600)
		_ = os.Rename(ref+".new", ref)
	})
	defer stop()
	opts := tree.Options{First: []kind.Pattern{"ref"}, Skip: []kind.Pattern{"ref.new"}}
	for range 15 {
		result := captureTree(t, root, opts, store)
		objects, referred := map[string]bool{}, ""
		for e, err := range result.Entries {
			require.NoError(t, err)
			objects[e.Path] = true
			if e.Path == "ref" {
				content, err := store.Get(t.Context(), e.Chunks[0], nil)
				require.NoError(t, err)
				referred = "objects/" + string(content)
			}
		}
		require.True(t, objects[referred], "%s is missing", referred)
	}
}

// A store through a shared mapping to a page that is dirty already leaves no
// sign: Prepare has to write such files back before it reads them.
func TestStoresThroughMappingsAreSeen(t *testing.T) {
	store, root := kindtest.NewMemory(), t.TempDir()
	path := filepath.Join(root, "mapped")
	require.NoError(t, os.WriteFile(path, make([]byte, 4096), 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	mapping, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	defer func() { require.NoError(t, unix.Munmap(mapping)) }()
	mapping[0] = 1 // the page is dirty from now on
	dirty := newestCtime(t, root)
	require.Eventually(t, func() bool { return time.Since(dirty) > 50*time.Millisecond }, time.Second, time.Millisecond)

	c := openCapture(t, root, tree.Options{}, store)
	require.NoError(t, c.Prepare(t.Context()))
	mapping[1] = 2
	require.NoError(t, c.Take(t.Context()))
	result := finish(t, c)
	for e, err := range result.Entries {
		require.NoError(t, err)
		if e.Path == "mapped" {
			content, err := store.Get(t.Context(), e.Chunks[0], nil)
			require.NoError(t, err)
			require.Equal(t, []byte{1, 2}, content[:2])
		}
	}
}
