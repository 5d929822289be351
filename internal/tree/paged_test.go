package tree_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"dogear/internal/content"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

const page = content.PageSize

func pagedOptions() tree.Options {
	return tree.Options{InPlace: []kind.Pattern{"db*"}, Index: &memoryIndex{}}
}

func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// A capture reads those blocks only of which a look before it saw that they are
// not stored (complete), as long as the file is the one that was seen.
func TestCaptureReadsWhatALookFoundNotToBeStored(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	table := &edited{t: t, path: filepath.Join(root, "db")}
	table.write(0, noise(1, 256*page))
	store, opts := kindtest.NewMemory(), pagedOptions()
	captureTree(t, root, opts, store)

	for i, changed := range []bool{false, true} {
		table.write((100+i)*page, noise(uint64(2+i), page))
		ticked(t, root)
		liveFacts(t, root, opts)
		if changed {
			table.write(7*page, noise(9, page))
		}
		result := captureTree(t, root, opts, store)
		require.Equal(t, changed, result.BytesRead > content.BlockSize)
		require.Positive(t, result.BytesRead)
		copied := filepath.Join(t.TempDir(), "copy")
		apply(t, copied, opts, result.Manifest, store)
		have, err := os.ReadFile(filepath.Join(copied, "db"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(table.content, have))
	}
}

// edited is a file and what it should hold.
type edited struct {
	t       *testing.T
	path    string
	content []byte
	edits   uint64
}

// at keeps other tests from starting programs meanwhile: until it has become one,
// a child has the file open, and what is open is not restored.
func (e *edited) at(do func(f *os.File)) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(e.path, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(e.t, err)
	do(f)
	require.NoError(e.t, f.Close())
}

func (e *edited) write(at int, b []byte) {
	e.at(func(f *os.File) {
		_, err := f.WriteAt(b, int64(at))
		require.NoError(e.t, err)
	})
	e.resize(max(len(e.content), at+len(b)))
	copy(e.content[at:], b)
}

func (e *edited) truncate(size int) {
	require.NoError(e.t, os.Truncate(e.path, int64(size)))
	e.resize(size)
}

func (e *edited) resize(size int) {
	e.content = append(e.content[:min(size, len(e.content))], make([]byte, max(0, size-len(e.content)))...)
}

func (e *edited) punch(at, n int) {
	e.at(func(f *os.File) {
		require.NoError(e.t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(at), int64(n)))
	})
	clear(e.content[at:min(len(e.content), at+n)])
}

// edit changes the file in a way that databases and hostile users do.
func (e *edited) edit(r *rapid.T) {
	e.edits++
	size := len(e.content)
	at := rapid.IntRange(0, max(0, size-1)).Draw(r, "at")
	switch rapid.IntRange(0, 9).Draw(r, "edit") {
	case 0: // pages, one here and one there
		for i := range rapid.IntRange(1, 40).Draw(r, "pages") {
			p := (at/page + i*rapid.IntRange(1, 9).Draw(r, "stride")) * page
			if p+page <= size {
				e.write(p, noise(e.edits+uint64(i)<<8, page))
			}
		}
	case 1: // a long piece
		e.write(at, noise(e.edits, rapid.IntRange(1, 30*page).Draw(r, "length")))
	case 2: // zeros, written
		e.write(at/page*page, make([]byte, page*rapid.IntRange(1, 20).Draw(r, "pages")))
	case 3:
		e.write(size, noise(e.edits, rapid.IntRange(1, 12*page).Draw(r, "length")))
	case 4: // it grows by a hole
		e.truncate(size + rapid.IntRange(1, 40*page).Draw(r, "length"))
	case 5:
		e.truncate(max(size-rapid.IntRange(1, 40*page).Draw(r, "length"), 0))
	case 6:
		e.truncate(size / page * page)
	case 7:
		if size > 0 {
			e.punch(at, rapid.IntRange(1, 40*page).Draw(r, "length"))
		}
	case 8: // so small that it is no paged file any more, or just
		e.truncate(rapid.SampledFrom([]int{1<<20 - 1, 1 << 20, 1<<20 + 1}).Draw(r, "size"))
	default: // another file in its place
		require.NoError(e.t, os.Remove(e.path))
		e.content = nil
		e.write(0, noise(e.edits, rapid.IntRange(0, 200*page).Draw(r, "size")))
	}
}

func sameBytes(r require.TestingT, want []byte, path string) {
	got, err := os.ReadFile(path)
	require.NoError(r, err)
	require.True(r, bytes.Equal(want, got), "%d bytes, want %d: they differ from byte %d on", len(got), len(want), differsAt(want, got))
}

func differsAt(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// However a paged file is edited and captured, each capture gives back the
// bytes of its moment, into nothing and over any other.
func TestEveryCaptureOfAPagedFileIsExact(t *testing.T) {
	t.Parallel()
	base, n := t.TempDir(), 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		root := filepath.Join(base, fmt.Sprint(n))
		require.NoError(t, os.Mkdir(root, 0o755))
		defer func() { require.NoError(t, os.RemoveAll(root)) }()
		e := &edited{t: t, path: filepath.Join(root, "db")}
		e.write(0, noise(0, rapid.IntRange(1<<20-10, 160*page).Draw(r, "size")))
		index, store := &memoryIndex{}, kindtest.NewMemory()
		opts := tree.Options{InPlace: []kind.Pattern{"db"}, Index: index}
		var manifests []kind.Object
		var contents [][]byte
		for range rapid.IntRange(2, 7).Draw(r, "captures") {
			manifests = append(manifests, captureEdited(r, t, e, opts, store))
			contents = append(contents, bytes.Clone(e.content))
			switch rapid.IntRange(0, 5).Draw(r, "index") {
			case 0:
				index.content = nil
			case 1:
				index.content[rapid.IntRange(0, len(index.content)-1).Draw(r, "flip")] ^= 1
			}
		}
		for i, manifest := range manifests {
			copied := filepath.Join(root, fmt.Sprint("copy", i))
			apply(t, copied, pagedOptions(), manifest, store)
			sameBytes(r, contents[i], filepath.Join(copied, "db"))
			require.NoError(t, os.RemoveAll(copied))
		}
		for range 3 {
			i := rapid.IntRange(0, len(manifests)-1).Draw(r, "back to")
			apply(t, root, opts, manifests[i], store)
			sameBytes(r, contents[i], e.path)
			require.True(r, apply(t, root, opts, manifests[i], store).None())
			e.content = bytes.Clone(contents[i])
			if rapid.Bool().Draw(r, "edit before the next") {
				e.edit(r)
			}
		}
	})
}

// captureEdited edits and captures a file, in one of the ways in which
// engines do that.
func captureEdited(r *rapid.T, t *testing.T, e *edited, opts tree.Options, store kind.Sink) kind.Object {
	c, err := tree.New(filepath.Dir(e.path)).Capture(t.Context(), opts, store)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	for range rapid.IntRange(0, 2).Draw(r, "passes") {
		e.edit(r)
		require.NoError(t, c.Prepare(t.Context()))
	}
	for range rapid.IntRange(1, 2).Draw(r, "takes") {
		e.edit(r)
		require.NoError(t, c.Take(t.Context()))
	}
	if rapid.Bool().Draw(r, "look between") {
		liveFacts(t, filepath.Dir(e.path), opts)
	}
	return finish(t, c).Manifest
}

// counting counts what is fetched.
type counting struct {
	kind.Source
	mu      sync.Mutex
	fetched map[kind.ChunkID]int // guarded by mu
}

func (c *counting) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	c.mu.Lock()
	c.fetched[id]++
	c.mu.Unlock()
	return c.Source.Get(ctx, id, buf)
}

// large makes a paged file that is read in several ranges.
func large(t *testing.T, root string) *edited {
	e := &edited{t: t, path: filepath.Join(root, "db")}
	e.write(0, noise(1, 20<<20+100))
	return e
}

// scatter rewrites n pages far from each other.
func (e *edited) scatter(n int) {
	for i := range n {
		e.edits++
		e.write((17+i*(len(e.content)/page/n))*page, noise(1000+e.edits, page))
	}
}

// TestTheListOfChunksKeepsItsOrder: new chunks come after those that the file
// had before, though they are in the middle of it. If they came where they are
// used, a manifest of many chunks would have to be stored anew.
func TestTheListOfChunksKeepsItsOrder(t *testing.T) {
	t.Parallel()
	store, root, opts := kindtest.NewMemory(), t.TempDir(), pagedOptions()
	e := large(t, root)
	before := listedChunks(t, store, captureTree(t, root, opts, store).Manifest)
	e.scatter(40)
	after := listedChunks(t, store, captureTree(t, root, opts, store).Manifest)
	require.Equal(t, before, after[:len(before)])
	require.Greater(t, len(after), len(before))

	e.write(0, noise(9000, 256<<10)) // the first two blocks are not needed any more
	left := listedChunks(t, store, captureTree(t, root, opts, store).Manifest)
	require.Equal(t, after[2:], left[:len(after)-2])
	apply(t, root, opts, captureTree(t, root, opts, store).Manifest, store)
	sameBytes(t, e.content, e.path)
}

func listedChunks(t *testing.T, store kind.Source, manifest kind.Object) (chunks []kind.ChunkID) {
	for e, err := range tree.ReadManifest(t.Context(), store, manifest) {
		require.NoError(t, err)
		chunks = append(chunks, e.Chunks...)
	}
	return chunks
}

// manifestSlack is more than the manifest of a few files takes.
const manifestSlack = 60 << 10

func TestOnlyChangedPagesAreStoredAndFetched(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"prepared", "taken", "looked at"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			store, root, opts := kindtest.NewMemory(), t.TempDir(), pagedOptions()
			e := large(t, root)
			first := captureTree(t, root, opts, store)
			before := bytes.Clone(e.content)
			require.Less(t, store.Bytes(), int64(len(before)+manifestSlack))

			const changed = 40
			had := store.Bytes()
			e.scatter(changed)
			if way == "looked at" { // this must not forget what is stored
				liveFacts(t, root, opts)
			}
			c := openCapture(t, root, opts, store)
			if way != "taken" {
				require.NoError(t, c.Prepare(t.Context()))
			}
			require.NoError(t, c.Take(t.Context()))
			second := finish(t, c)
			require.Less(t, store.Bytes()-had, int64(changed*page+manifestSlack))

			after := bytes.Clone(e.content)
			for _, back := range []struct {
				to      tree.Result
				content []byte
				chunks  int
			}{{first, before, changed}, {second, after, changed}} {
				source := &counting{Source: store, fetched: make(map[kind.ChunkID]int)}
				ino := inode(t, e.path)
				changes := apply(t, root, opts, back.to.Manifest, source)
				require.Equal(t, 1, changes.Patched)
				require.LessOrEqual(t, len(changes.Chunks), back.chunks)
				require.EqualValues(t, changed*page, changes.Bytes)
				needed := 0
				for _, id := range changes.Chunks {
					require.Equal(t, 1, source.fetched[id])
					needed++
				}
				require.LessOrEqual(t, len(source.fetched), needed+len(back.to.Manifest.Chunks), "nothing else is fetched")
				sameBytes(t, back.content, e.path)
				require.Equal(t, ino, inode(t, e.path))
			}
		})
	}
}

// Pages are found by their fingerprints, whatever the file's times say.
func TestAFileThatWasOnlyTouchedCostsNothing(t *testing.T) {
	t.Parallel()
	store, root, opts := kindtest.NewMemory(), t.TempDir(), pagedOptions()
	e := large(t, root)
	captureTree(t, root, opts, store)
	had := store.Bytes()
	e.write(0, e.content)
	captureTree(t, root, opts, store)
	require.Less(t, store.Bytes()-had, int64(manifestSlack))
}

// Without the index the pages are found by the block: what was stored as a
// whole block is known to the store.
func TestWithoutItsIndexAPagedFileCostsOnce(t *testing.T) {
	t.Parallel()
	store, root, opts := kindtest.NewMemory(), t.TempDir(), pagedOptions()
	e := large(t, root)
	captureTree(t, root, opts, store)
	e.scatter(10)
	captureTree(t, root, opts, store)
	want := liveFacts(t, root, pagedOptions())
	for _, most := range []int{10*content.BlockSize + manifestSlack, manifestSlack} {
		had := store.Bytes()
		opts.Index = &memoryIndex{}
		result := captureTree(t, root, opts, store)
		require.Equal(t, want, factsOf(t, result.Entries), "the facts do not depend on what was captured before")
		require.Less(t, store.Bytes()-had, int64(most))
	}
}

// What a chunk still holds is stored anew once the file has no use for most
// of it, so that no chunk is kept for long for a page or two.
func TestWornChunksAreGivenUp(t *testing.T) {
	t.Parallel()
	store, root, opts := kindtest.NewMemory(), t.TempDir(), pagedOptions()
	e := &edited{t: t, path: filepath.Join(root, "db")}
	e.write(0, noise(1, 4<<20))
	first := captureTree(t, root, opts, store)
	chunks := chunksOf(t, first)
	for i := range content.BlockSize/content.PageSize/2 + 1 {
		e.write(i*page, noise(uint64(100+i), page))
		captureTree(t, root, opts, store)
	}
	e.write(1<<20, noise(7, page))
	last := chunksOf(t, captureTree(t, root, opts, store))
	require.False(t, slices.Contains(last, chunks[0]))
	require.True(t, slices.Contains(last, chunks[1]))
}

func chunksOf(t *testing.T, result tree.Result) []kind.ChunkID {
	for e, err := range result.Entries {
		require.NoError(t, err)
		if e.Path == "db" {
			return e.Chunks
		}
	}
	return nil
}

// The sink may have lost some chunks only: their pages are stored again.
func TestPagesThatTheSinkLostAreStoredAgain(t *testing.T) {
	t.Parallel()
	root, opts := t.TempDir(), pagedOptions()
	e := large(t, root)
	captureTree(t, root, opts, kindtest.NewMemory())
	for _, capture := range []func(testing.TB, string, tree.Options, kind.Sink) tree.Result{captureTree, takeTree} {
		for _, change := range []func(){func() {}, func() { e.scatter(3) }} {
			change()
			store := kindtest.NewMemory() // has nothing
			result := capture(t, root, opts, store)
			copied := filepath.Join(t.TempDir(), "copy")
			apply(t, copied, opts, result.Manifest, store)
			sameBytes(t, e.content, filepath.Join(copied, "db"))
		}
	}
}

// takeTree captures a tree that nobody prepared.
func takeTree(t testing.TB, root string, opts tree.Options, sink kind.Sink) tree.Result {
	t.Helper()
	c, err := tree.New(root).Capture(t.Context(), opts, sink)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.Take(t.Context()))
	result, err := c.Finish(t.Context())
	require.NoError(t, err)
	return result
}

func TestHolesOfPagedFilesStayHoles(t *testing.T) {
	t.Parallel()
	store, root, opts := kindtest.NewMemory(), t.TempDir(), pagedOptions()
	e := &edited{t: t, path: filepath.Join(root, "db")}
	e.write(0, noise(1, 2<<20))
	e.truncate(64 << 20)
	e.write(32<<20, make([]byte, 1<<20)) // zeros that are there
	blocks := allocated(t, e.path)
	result := captureTree(t, root, opts, store)
	require.Less(t, store.Bytes(), int64(2<<20+manifestSlack))
	copied := filepath.Join(t.TempDir(), "copy")
	apply(t, copied, pagedOptions(), result.Manifest, store)
	sameBytes(t, e.content, filepath.Join(copied, "db"))
	require.InDelta(t, blocks, allocated(t, filepath.Join(copied, "db")), 64)

	e.write(40<<20, noise(2, 10*page))
	want := bytes.Clone(e.content)
	clear(want[40<<20:][:10*page])
	require.Equal(t, 1, apply(t, root, opts, result.Manifest, store).Patched)
	sameBytes(t, want, e.path)
	require.InDelta(t, blocks, allocated(t, e.path), 64)
}

func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return st.Blocks
}

// Whoever runs it: what a database server updates in place is known by its
// name.
func TestFilesOfDatabasesArePagedByName(t *testing.T) {
	t.Parallel()
	for name, paged := range map[string]bool{
		"pgdata/base/16384/16385.1": true,
		"base/1/2":                  true,
		"mysql/shop/orders.ibd":     true,
		"app.sqlite3":               true,
		"mongo/collection-0.wt":     true,
		"base/video/1.mp4":          false,
		"pack-1.pack":               false,
	} {
		root := t.TempDir()
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, noise(1, 2<<20), 0o600))
		for e, err := range captureTree(t, root, tree.Options{}, kindtest.NewMemory()).Entries {
			require.NoError(t, err)
			if e.Type == tree.Regular {
				require.Equal(t, paged, e.Recipe != nil, name)
			}
		}
	}
}
