package store_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"dogear/kind"
	"dogear/store"

	"github.com/stretchr/testify/require"
)

func openBench(b *testing.B) *store.Store {
	b.Helper()
	s, err := store.Open(filepath.Join(b.TempDir(), "store"), store.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// lines returns n bytes that compress as program text does.
func lines(seed, n int) []byte {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	b := make([]byte, 0, n+64)
	for len(b) < n {
		b = fmt.Appendf(b, "INSERT INTO orders VALUES (%d, 'customer %d', %d.99);\n", r.IntN(1_000_000), r.IntN(5000), r.IntN(200))
	}
	return b[:n]
}

// BenchmarkPut captures 64 MiB in chunks of one size, and commits.
func BenchmarkPut(b *testing.B) {
	const total = 64 << 20
	for _, size := range []int{4 << 10, 64 << 10, 256 << 10, 1 << 20} {
		for name, content := range map[string]func(i int) []byte{
			"text":   func(i int) []byte { return lines(i, size) },
			"random": func(i int) []byte { return random(uint64(i), size) },
		} {
			b.Run(fmt.Sprintf("%s/%dK", name, size>>10), func(b *testing.B) {
				s := openBench(b)
				b.SetBytes(total)
				n := 0
				for b.Loop() {
					b.StopTimer()
					contents := [][]byte{}
					ids := []kind.ChunkID{}
					for range total / size {
						contents = append(contents, content(n))
						ids = append(ids, kind.Sum(contents[len(contents)-1]))
						n++
					}
					session := begin(b, s)
					sink := session.Sink()
					b.StartTimer()
					for i := range ids {
						_, err := sink.Put(b.Context(), contents[i])
						require.NoError(b, err)
					}
					snap := withObject(b, sink, numberedID(n), kind.Object{})
					require.NoError(b, session.Commit(b.Context(), snap))
				}
			})
		}
	}
}

// manyChunks saves n small chunks and returns their ids.
func manyChunks(b *testing.B, s *store.Store, n int) []kind.ChunkID {
	b.Helper()
	session := begin(b, s)
	sink := session.Sink()
	ids := make([]kind.ChunkID, n)
	for i := range ids {
		ids[i] = put(b, sink, []byte(fmt.Sprint("chunk ", i)))
	}
	require.NoError(b, session.Commit(b.Context(), withObject(b, sink, "01a", kind.Object{})))
	return ids
}

// BenchmarkKnown asks about 30,000 chunks, as a capture does in which nothing
// has changed.
func BenchmarkKnown(b *testing.B) {
	s := openBench(b)
	ids := manyChunks(b, s, 30_000)
	for b.Loop() {
		session := begin(b, s)
		_, err := session.Sink().Known(b.Context(), ids)
		require.NoError(b, err)
		require.NoError(b, session.Abort())
	}
}

// BenchmarkGetNeighbours reads 30,000 small chunks in the order in which they
// were put.
func BenchmarkGetNeighbours(b *testing.B) {
	s := openBench(b)
	ids := manyChunks(b, s, 30_000)
	var buf []byte
	for b.Loop() {
		for _, id := range ids {
			var err error
			buf, err = s.Get(b.Context(), id, buf)
			require.NoError(b, err)
		}
	}
}

// BenchmarkEmptyCommit is the least that a capture costs.
func BenchmarkEmptyCommit(b *testing.B) {
	s := openBench(b)
	n := 0
	for b.Loop() {
		n++
		session := begin(b, s)
		require.NoError(b, session.Commit(b.Context(), withObject(b, session.Sink(), numberedID(n), kind.Object{})))
	}
}

// BenchmarkOpen opens a store of 30,000 chunks.
func BenchmarkOpen(b *testing.B) {
	s := openBench(b)
	manyChunks(b, s, 30_000)
	require.NoError(b, s.Close())
	for b.Loop() {
		again, err := store.Open(s.Dir(), store.Options{})
		require.NoError(b, err)
		require.NoError(b, again.Close())
	}
}
