package chunk

import (
	"bytes"
	"os"
	"testing"

	"dogear/kind"

	"github.com/stretchr/testify/require"
)

// What the disk has made of a frame is noticed before the pack counts.
func TestPackIsReadBack(t *testing.T) {
	content := bytes.Repeat([]byte("content "), 1000)
	for _, damaged := range []bool{false, true} {
		p, err := createPack(t.TempDir(), "0123")
		require.NoError(t, err)
		_, err = p.append(content, Raw, []frameChunk{{id: kind.Sum(content), length: uint32(len(content))}})
		require.NoError(t, err)
		if !damaged {
			_, err = p.seal()
			require.NoError(t, err)
			continue
		}
		f, err := os.OpenFile(p.file.Name(), os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("X"), headerSize+4000)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		_, err = p.seal()
		require.ErrorIs(t, err, ErrDamaged)
	}
}
