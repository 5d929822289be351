package tree

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/content"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// A block that is not what a look saw, though the file's times say so, makes
// the file be read as a whole (errOtherPages).
func TestPagesThatChangedWithoutASignAreRead(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	path := filepath.Join(root, "db")
	require.NoError(t, os.WriteFile(path, make([]byte, 2<<20), 0o600))
	at := func(page int64, b byte) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte{b}, page*content.PageSize)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	store, opts := kindtest.NewMemory(), Options{InPlace: []kind.Pattern{"db"}}
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(fd)) }()
	read := func(sink kind.Sink, known []record) []record {
		p := pass{root: fd, opts: opts, now: time.Now, sink: sink}
		w, _, err := p.look(t.Context())
		require.NoError(t, err)
		require.NoError(t, pause(t.Context(), untilSettled(w.nodes, time.Now())))
		records, err := p.run(t.Context(), w.nodes, known)
		require.NoError(t, err)
		return records
	}
	first := read(store, nil)
	at(3, 1)
	seen := read(nil, first)
	at(3, 2)
	at(200, 2)
	w, err := walk(t.Context(), fd, opts)
	require.NoError(t, err)
	require.NoError(t, pause(t.Context(), untilSettled(w.nodes, time.Now())))
	seen[1].stamp, seen[1].readAt = w.nodes[1].stamp, time.Now() // as if nothing had moved

	stored := read(store, seen)
	require.Equal(t, read(nil, nil)[1].Digest, stored[1].Digest)
	require.NotEqual(t, seen[1].Digest, stored[1].Digest)
}
