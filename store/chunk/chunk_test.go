package chunk_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"dogear/kind"
	"dogear/store/chunk"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// newPacker returns a Packer for dir whose packs are called pack-1, pack-2 …
func newPacker(dir string) *chunk.Packer {
	var mu sync.Mutex
	n := 0
	return chunk.NewPacker(dir, func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fmt.Sprintf("pack-%d", n)
	})
}

func newReader(t testing.TB) *chunk.Reader {
	r := chunk.NewReader()
	t.Cleanup(r.Close)
	return r
}

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

func text(n int) []byte {
	return bytes.Repeat([]byte("bottles on the wall, "), n/20+1)[:n]
}

func put(t require.TestingT, p *chunk.Packer, contents ...[]byte) {
	for _, c := range contents {
		require.NoError(t, p.Put(kind.Sum(c), c))
	}
}

// writePack writes one pack and returns its path.
func writePack(t testing.TB, dir string, contents ...[]byte) (string, chunk.Pack) {
	p := newPacker(dir)
	put(t, p, contents...)
	packs, err := p.Finish()
	require.NoError(t, err)
	require.Len(t, packs, 1)
	return chunk.Path(dir, packs[0].Name), packs[0]
}

// requireRead wants every chunk back, by what the finished packs say.
func requireRead(t require.TestingT, r *chunk.Reader, dir string, packs []chunk.Pack, contents [][]byte) {
	places := map[kind.ChunkID]func() ([]byte, error){}
	for _, p := range packs {
		for _, e := range p.Index.Chunks {
			places[e.ID] = func() ([]byte, error) {
				return r.Chunk(context.Background(), chunk.Path(dir, p.Name), e.ID, e.Location, nil)
			}
		}
	}
	for _, want := range contents {
		get, ok := places[kind.Sum(want)]
		require.True(t, ok)
		have, err := get()
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, have))
	}
}

func TestWhatIsPutComesBack(t *testing.T) {
	top := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(top, "")
		require.NoError(t, err)
		defer func() { require.NoError(t, os.RemoveAll(dir)) }()
		r := chunk.NewReader() // a reader tells packs apart by name
		defer r.Close()

		contents := rapid.SliceOfN(content(), 1, 20).Draw(t, "contents")
		p := newPacker(dir)
		for _, c := range contents {
			put(t, p, c)
			have, found, err := p.Get(context.Background(), r, kind.Sum(c), nil)
			require.NoError(t, err)
			require.True(t, found)
			require.True(t, bytes.Equal(c, have))
		}
		packs, err := p.Finish()
		require.NoError(t, err)
		requireRead(t, r, dir, packs, contents)
		for _, pack := range packs {
			damaged, err := r.Verify(context.Background(), chunk.Path(dir, pack.Name))
			require.NoError(t, err)
			require.Empty(t, damaged)
			index, size, err := chunk.OpenIndex(chunk.Path(dir, pack.Name))
			require.NoError(t, err)
			require.Equal(t, pack, chunk.Pack{Name: pack.Name, Size: size, Index: index})
		}
	})
}

// content draws a chunk around the sizes where something changes.
func content() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		near := rapid.SampledFrom([]int{0, 0, 0, 100, 5000, 50_000, 512 << 10, 1 << 20}).Draw(t, "near")
		n := near + rapid.IntRange(0, 64).Draw(t, "more") - min(near, 32)
		if rapid.Bool().Draw(t, "compressible") {
			return text(n)
		}
		return random(rapid.Uint64Range(0, 1000).Draw(t, "seed"), n)
	})
}

func TestConcurrentPutsAllArrive(t *testing.T) {
	dir, r := t.TempDir(), newReader(t)
	p := newPacker(dir)
	var contents [][]byte
	for i := range 400 {
		contents = append(contents, random(uint64(i), 1+i*50), append(text(i*20), fmt.Sprint(i)...))
	}
	contents = append(contents, random(1, 700<<10), text(900<<10))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, i := range rand.Perm(len(contents)) {
				if err := p.Put(kind.Sum(contents[i]), contents[i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	packs, err := p.Finish()
	require.NoError(t, err)
	requireRead(t, r, dir, packs, contents)
	stored := 0
	for _, pack := range packs {
		stored += len(pack.Index.Chunks)
	}
	require.Equal(t, len(contents), stored, "each once")
}

func TestFramesAreSharedAndCompressedWhereItPays(t *testing.T) {
	small, other, noise, large := text(1000), text(2000), random(1, 600<<10), text(600<<10)
	_, pack := writePack(t, t.TempDir(), small, other, noise, large)
	require.Len(t, pack.Index.Frames, 3)
	require.Equal(t, place(t, pack, small).Offset, place(t, pack, other).Offset)
	require.Equal(t, chunk.Zstd, place(t, pack, small).Codec)
	require.Equal(t, chunk.Raw, place(t, pack, noise).Codec)
	require.Equal(t, chunk.Zstd, place(t, pack, large).Codec)
}

func place(t testing.TB, pack chunk.Pack, content []byte) chunk.Location {
	for _, e := range pack.Index.Chunks {
		if e.ID == kind.Sum(content) {
			return e.Location
		}
	}
	require.Fail(t, "not in the pack")
	return chunk.Location{}
}

func TestLargePacksAreSplit(t *testing.T) {
	dir, r := t.TempDir(), newReader(t)
	p := newPacker(dir)
	var contents [][]byte
	for i := range 35 {
		contents = append(contents, random(uint64(i), 2<<20))
	}
	put(t, p, contents...)
	packs, err := p.Finish()
	require.NoError(t, err)
	require.Len(t, packs, 2)
	requireRead(t, r, dir, packs, contents)
	size := int64(0)
	for _, pack := range packs {
		info, err := os.Stat(chunk.Path(dir, pack.Name))
		require.NoError(t, err)
		require.Equal(t, info.Size(), pack.Size)
		size += pack.Size
	}
	require.Equal(t, size, p.Added())
}

func TestAddedCountsWhatIsNotWrittenYet(t *testing.T) {
	p := newPacker(t.TempDir())
	require.Zero(t, p.Added())
	put(t, p, random(1, 1000), random(2, 700<<10), random(3, 500))
	added := p.Added()
	packs, err := p.Finish()
	require.NoError(t, err)
	require.Equal(t, packs[0].Size, added)
	require.Equal(t, added, p.Added())
}

func TestNothingPutMakesNoPack(t *testing.T) {
	dir := t.TempDir()
	packs, err := newPacker(dir).Finish()
	require.NoError(t, err)
	require.Empty(t, packs)
	requireEmpty(t, dir)
}

func requireEmpty(t testing.TB, dir string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestAbortRemovesPacks(t *testing.T) {
	dir := t.TempDir()
	p := newPacker(dir)
	for i := range 4 {
		put(t, p, random(uint64(i), 2<<20))
	}
	require.NoError(t, p.Abort())
	requireEmpty(t, dir)
	require.ErrorIs(t, p.Put(kind.Sum(nil), nil), chunk.ErrClosed)
	_, err := p.Finish()
	require.ErrorIs(t, err, chunk.ErrClosed)

	p = newPacker(dir)
	put(t, p, text(100))
	_, err = p.Finish()
	require.NoError(t, err)
	require.NoError(t, p.Abort())
	requireEmpty(t, dir)
}

func TestFailureToWriteIsReported(t *testing.T) {
	p := newPacker(filepath.Join(t.TempDir(), "missing"))
	var err error
	for i := range 50 {
		c := random(uint64(i), 1<<20)
		if err = p.Put(kind.Sum(c), c); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = p.Finish()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, p.Abort())
}

func TestTooLargeAChunkIsRefused(t *testing.T) {
	p := newPacker(t.TempDir())
	require.ErrorContains(t, p.Put(kind.ChunkID{}, make([]byte, chunk.MaxSize+1)), "limit")
	require.NoError(t, p.Put(kind.Sum(make([]byte, chunk.MaxSize)), make([]byte, chunk.MaxSize)))
	require.NoError(t, p.Abort())
}

func TestChunkUnderAnotherIDIsNeverReturned(t *testing.T) {
	dir, r := t.TempDir(), newReader(t)
	p := newPacker(dir)
	require.NoError(t, p.Put(kind.Sum([]byte("right")), []byte("wrong")))
	packs, err := p.Finish()
	require.NoError(t, err)
	e := packs[0].Index.Chunks[0]
	_, err = r.Chunk(t.Context(), chunk.Path(dir, packs[0].Name), e.ID, e.Location, nil)
	require.ErrorIs(t, err, chunk.ErrDamaged)
	_, err = r.Verify(t.Context(), chunk.Path(dir, packs[0].Name))
	require.ErrorIs(t, err, chunk.ErrDamaged)
}

func TestLocationsFromADamagedCatalogAreRefused(t *testing.T) {
	content, other := text(5000), text(700)
	path, pack := writePack(t, t.TempDir(), content, other)
	good := place(t, pack, content)
	bad := map[string]func(l *chunk.Location){
		"offset":   func(l *chunk.Location) { l.Offset = 1 << 40 },
		"negative": func(l *chunk.Location) { l.Offset = -5 },
		"shifted":  func(l *chunk.Location) { l.Offset++ },
		"stored":   func(l *chunk.Location) { l.Stored-- },
		"plain":    func(l *chunk.Location) { l.Plain = chunk.MaxSize + 1 },
		"longer":   func(l *chunk.Location) { l.Plain++ },
		"at":       func(l *chunk.Location) { l.At++ },
		"far":      func(l *chunk.Location) { l.At = 1<<32 - 1 },
		"length":   func(l *chunk.Location) { l.Length = 1<<32 - 1 },
		"codec":    func(l *chunk.Location) { l.Codec = 7 },
		"raw":      func(l *chunk.Location) { l.Codec = chunk.Raw },
	}
	for name, change := range bad {
		t.Run(name, func(t *testing.T) {
			where := good
			change(&where)
			_, err := newReader(t).Chunk(t.Context(), path, kind.Sum(content), where, nil)
			require.ErrorIs(t, err, chunk.ErrDamaged)
		})
	}
	have, err := newReader(t).Chunk(t.Context(), path, kind.Sum(content), good, make([]byte, 0, 10000))
	require.NoError(t, err)
	require.Equal(t, content, have)
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	dir, r := t.TempDir(), newReader(t)
	path, _ := writePack(t, dir, text(3000), random(1, 300), []byte{}, []byte("x"))
	pack, err := os.ReadFile(path)
	require.NoError(t, err)
	broken := filepath.Join(dir, "broken"+chunk.Extension)
	for i := range pack {
		pack[i] ^= 1 << (i % 8)
		require.NoError(t, os.WriteFile(broken, pack, 0o600))
		_, err := r.Verify(t.Context(), broken)
		require.Error(t, err, "byte %d", i)
		pack[i] ^= 1 << (i % 8)
	}
	for n := range pack {
		require.NoError(t, os.WriteFile(broken, pack[:n], 0o600))
		_, err := r.Verify(t.Context(), broken)
		require.ErrorIs(t, err, chunk.ErrDamaged, "cut to %d bytes", n)
	}
}

func TestNewerPackIsNotCalledDamaged(t *testing.T) {
	path, _ := writePack(t, t.TempDir(), text(10))
	pack, err := os.ReadFile(path)
	require.NoError(t, err)
	binary.LittleEndian.PutUint32(pack[8:], chunk.Version+1)
	_, err = chunk.ReadIndex(bytes.NewReader(pack), int64(len(pack)))
	require.ErrorContains(t, err, "format 2")
	require.NotErrorIs(t, err, chunk.ErrDamaged)
}
