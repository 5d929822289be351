package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/store"
	"dogear/store/chunk"
	"dogear/store/storetest"
)

// leave writes a pack where another process would, and returns its name.
func leave(t *testing.T, s *store.Store, contents ...[]byte) string {
	t.Helper()
	packer := chunk.NewPacker(s.Incoming(), func() string { return strings.Repeat("ab", 16) })
	for _, c := range contents {
		require.NoError(t, packer.Put(kind.Sum(c), c))
	}
	packs, err := packer.Finish()
	require.NoError(t, err)
	require.Len(t, packs, 1)
	return packs[0].Name
}

// TestAdopt makes the chunks of a pack that somebody else has written those of
// a snapshot, with all that was put beside them.
func TestAdopt(t *testing.T) {
	s := storetest.Open(t)
	left := [][]byte{text(1, 2000), random(1, 800<<10), random(2, 3<<20)}
	session := begin(t, s)
	sink := session.Sink()
	require.NoError(t, sink.(kind.Adopter).Adopt(t.Context(), leave(t, s, left...)))
	object := kind.Object{Name: "content"}
	for _, c := range append(left, random(3, 1<<20)) {
		known, err := sink.Known(t.Context(), []kind.ChunkID{kind.Sum(c)})
		require.NoError(t, err)
		require.Equal(t, len(object.Chunks) < len(left), known[0])
		object.Chunks = append(object.Chunks, put(t, sink, c))
		object.Size += int64(len(c))
	}
	got, err := session.Get(t.Context(), kind.Sum(left[2]), nil)
	require.NoError(t, err)
	require.Equal(t, left[2], got)
	require.NoError(t, session.Commit(t.Context(), withObject(t, sink, "01a", object)))
	requireContent(t, s, left...)
}

// TestAdoptNothingElse refuses what is not whole, and what is no pack of this
// user's. Nothing of it stays. Without checking every byte the first would be
// found at a restore.
func TestAdoptNothingElse(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string) string{
		"one byte": func(t *testing.T, path string) string {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			content[len(content)/3] ^= 1
			require.NoError(t, os.WriteFile(path, content, 0o600))
			return "damaged"
		},
		"cut short":          func(t *testing.T, path string) string { require.NoError(t, os.Truncate(path, 1000)); return "damaged" },
		"readable by others": func(t *testing.T, path string) string { require.NoError(t, os.Chmod(path, 0o644)); return "0644" },
		"a link": func(t *testing.T, path string) string {
			require.NoError(t, os.Rename(path, path+".x"))
			require.NoError(t, os.Symlink(path+".x", path))
			return "not a file"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t)
			pack := leave(t, s, random(1, 1<<20))
			path := chunk.Path(s.Incoming(), pack)
			complaint := spoil(t, path)
			session := begin(t, s)
			sink := session.Sink()
			require.ErrorContains(t, sink.(kind.Adopter).Adopt(t.Context(), pack), complaint)
			require.NoFileExists(t, path)
			require.Empty(t, sink.Reach())
			require.NoError(t, session.Abort())
		})
	}
	s := storetest.Open(t)
	session := begin(t, s)
	require.Error(t, session.Sink().(kind.Adopter).Adopt(t.Context(), filepath.Join("..", "packs", "ab")))
	require.NoError(t, session.Abort())
}

// TestAbortDropsAdopted leaves no pack behind.
func TestAbortDropsAdopted(t *testing.T) {
	s := storetest.Open(t)
	session := begin(t, s)
	require.NoError(t, session.Sink().(kind.Adopter).Adopt(t.Context(), leave(t, s, random(1, 1<<20))))
	require.NoError(t, session.Abort())
	left, err := os.ReadDir(s.Incoming())
	require.NoError(t, err)
	require.Empty(t, left)
}
