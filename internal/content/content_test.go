package content_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/kind"
)

// memory is a store in a map.
type memory map[kind.ChunkID][]byte

func (m memory) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	known := make([]bool, len(ids))
	for i, id := range ids {
		_, known[i] = m[id]
	}
	return known, nil
}

func (m memory) Put(_ context.Context, b []byte) (kind.ChunkID, error) {
	m[kind.Sum(b)] = bytes.Clone(b)
	return kind.Sum(b), nil
}

func (m memory) Get(_ context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	b, ok := m[id]
	if !ok {
		return nil, errors.New("no such chunk")
	}
	return append(buf[:0], b...), nil
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestRoundTrip(t *testing.T) {
	sizes := []int{0, 1, content.MinSize - 1, content.MinSize, content.MinSize + 1, content.MaxSize, 5<<20 + 3}
	for _, size := range sizes {
		store := memory{}
		want := noise(size)
		object, err := content.Put(t.Context(), store, "x", iotest.HalfReader(bytes.NewReader(want)))
		require.NoError(t, err)
		require.EqualValues(t, size, object.Size)
		again, err := content.PutBytes(t.Context(), store, "x", want)
		require.NoError(t, err)
		require.Equal(t, object, again, "size %d", size)

		got, err := content.ReadAll(t.Context(), store, object)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "size %d", size)
		require.NoError(t, iotest.TestReader(content.Open(t.Context(), store, object), want))
	}
}

func TestSmallStreamsAreOneChunkAndEmptyOnesNone(t *testing.T) {
	for size, chunks := range map[int]int{0: 0, 1: 1, content.MinSize: 1} {
		object, err := content.Put(t.Context(), memory{}, "x", bytes.NewReader(noise(size)))
		require.NoError(t, err)
		require.Len(t, object.Chunks, chunks)
	}
}

// However much is inserted, cuts soon fall where they did. With jc-v1.1.0 they
// do so only after a few bytes.
func TestInsertionKeepsMostChunks(t *testing.T) {
	for _, length := range []int{7, 512, 100 << 10, 2 << 20} {
		store := memory{}
		before := noise(32 << 20)
		_, err := content.PutBytes(t.Context(), store, "x", before[:24<<20])
		require.NoError(t, err)
		count := len(store)
		require.Greater(t, count, 45, "the average asked for is kept")
		after := slices.Concat(before[:8<<20], before[24<<20:24<<20+length], before[8<<20:24<<20])
		_, err = content.PutBytes(t.Context(), store, "x", after)
		require.NoError(t, err)
		require.LessOrEqual(t, len(store)-count, 8+length/content.NormalSize, "%d bytes", length)
	}
}

func TestListsAreCutFiner(t *testing.T) {
	store := memory{}
	before := noise(1 << 20)
	_, err := content.PutList(t.Context(), store, "x", bytes.NewReader(before))
	require.NoError(t, err)
	count := len(store)
	require.Greater(t, count, 150)
	after := append(append(bytes.Clone(before[:512<<10]), "seven b"...), before[512<<10:]...)
	object, err := content.PutList(t.Context(), store, "x", bytes.NewReader(after))
	require.NoError(t, err)
	require.LessOrEqual(t, len(store)-count, 3+2, "of the list, and of the list of its chunks")
	got, err := content.ReadAll(t.Context(), store, object)
	require.NoError(t, err)
	require.True(t, bytes.Equal(after, got))
}

// A list names few chunks, however long it is: a record names them all.
func TestLongListsAreListed(t *testing.T) {
	for size, listed := range map[int]bool{0: false, 5 << 10: false, 5 << 20: true} {
		store := memory{}
		want := noise(size)
		object, err := content.PutList(t.Context(), store, "x", bytes.NewReader(want))
		require.NoError(t, err)
		require.Equal(t, listed, object.Listed)
		require.LessOrEqual(t, len(object.Chunks), 16)
		require.EqualValues(t, size, object.Size)
		chunks, err := content.Chunks(t.Context(), store, object)
		require.NoError(t, err)
		require.Equal(t, listed, len(chunks) > 16)
		require.NoError(t, iotest.TestReader(content.Open(t.Context(), store, object), want))
	}
}

func TestDamagedListsAreRefused(t *testing.T) {
	store := memory{}
	id, err := store.Put(t.Context(), noise(33))
	require.NoError(t, err)
	_, err = content.ReadAll(t.Context(), store, kind.Object{Name: "x", Size: 33, Chunks: []kind.ChunkID{id}, Listed: true})
	require.ErrorContains(t, err, "33 bytes")
}

// The cuts are part of the store's format.
func TestCutsStayWhereTheyAre(t *testing.T) {
	s, err := content.ContentDefined()
	require.NoError(t, err)
	golden := []int{69218, 172487, 321280, 517714, 291457, 254421, 470575}
	require.Equal(t, golden, sizes(t, s, noise(2<<20)))
}

func TestSplittersAreReusable(t *testing.T) {
	s, err := content.ContentDefined()
	require.NoError(t, err)
	first := sizes(t, s, noise(3<<20))
	sizes(t, s, noise(10))
	require.Equal(t, first, sizes(t, s, noise(3<<20)))
}

func sizes(t *testing.T, s content.Splitter, b []byte) []int {
	t.Helper()
	s.Reset(iotest.OneByteReader(bytes.NewReader(b)))
	var sizes []int
	for {
		chunk, err := s.Next()
		if errors.Is(err, io.EOF) {
			return sizes
		}
		require.NoError(t, err)
		sizes = append(sizes, len(chunk))
	}
}

func TestErrorsComeThrough(t *testing.T) {
	broken := errors.New("broken")
	_, err := content.Put(t.Context(), memory{}, "x", io.MultiReader(bytes.NewReader(noise(2<<20)), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)

	store := memory{}
	object, err := content.PutBytes(t.Context(), store, "x", noise(10))
	require.NoError(t, err)
	object.Size++
	_, err = content.ReadAll(t.Context(), store, object)
	require.ErrorContains(t, err, "1 bytes short")
	_, err = content.ReadAll(t.Context(), memory{}, object)
	require.ErrorContains(t, err, "no such chunk")
}

func TestJSON(t *testing.T) {
	store := memory{}
	type private struct{ Name string }
	object, err := content.PutJSON(t.Context(), store, "meta", private{"x"})
	require.NoError(t, err)
	var got private
	require.NoError(t, content.GetJSON(t.Context(), store, object, &got))
	require.Equal(t, private{"x"}, got)
}
