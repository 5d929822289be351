package store

import (
	"os"
	"path/filepath"
	"testing"

	"dogear/snapshot"

	"github.com/stretchr/testify/require"
)

// FuzzRecord feeds the parser of records: what it takes is, byte for byte, what
// was written.
func FuzzRecord(f *testing.F) {
	for _, v := range []any{snapshot.Snapshot{ID: "01a"}, annotation{Snapshot: "01a"}, deletion{Snapshot: "01a"}} {
		b, err := encodeRecord(typeSnapshot, v)
		require.NoError(f, err)
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte(`{"format":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range recordKinds() {
			if _, err := kind.name(b); err != nil {
				continue
			}
			body, err := recordBody(b, kind.kind)
			require.NoError(t, err)
			require.Equal(t, string(b), string(append(append(recordHead(kind.kind, body), body...), recordTail...)))
		}
	})
}

// FuzzOpen puts any bytes in place of a record: the store opens all the same.
func FuzzOpen(f *testing.F) {
	b, err := encodeRecord(typeDeletion, deletion{Snapshot: "01a"})
	require.NoError(f, err)
	f.Add(b, uint8(2))
	f.Add([]byte("{}"), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, dir uint8) {
		s, err := Open(filepath.Join(t.TempDir(), "store"), Options{})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		path := filepath.Join(s.dir, recordDirs()[int(dir)%len(recordDirs())], "01a.json")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		s, err = Open(s.dir, Options{})
		require.NoError(t, err)
		_, err = s.Check(t.Context(), true)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	})
}
