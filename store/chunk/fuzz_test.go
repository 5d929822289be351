package chunk_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"testing"

	"dogear/store/chunk"

	"github.com/stretchr/testify/require"
)

// FuzzReadIndex feeds the parser of packs with footers whose digest is right,
// for otherwise the digest would keep everything interesting from it.
func FuzzReadIndex(f *testing.F) {
	path, _ := writePack(f, f.TempDir(), text(3000), random(1, 300), []byte{}, random(2, 600<<10))
	pack, err := os.ReadFile(path)
	require.NoError(f, err)
	tail := pack[len(pack)-300:]
	f.Add([]byte{}, uint32(0), uint32(0), false)
	f.Add(tail[:300-48], uint32(3), uint32(4), true)
	f.Add(pack, uint32(1), uint32(1), false)
	f.Fuzz(func(t *testing.T, body []byte, frames, chunks uint32, sign bool) {
		pack := body
		if sign {
			pack = signed(body, frames%8, chunks%8)
		}
		index, err := chunk.ReadIndex(bytes.NewReader(pack), int64(len(pack)))
		if err != nil {
			return
		}
		for _, e := range index.Chunks {
			require.LessOrEqual(t, uint64(e.At)+uint64(e.Length), uint64(e.Plain))
			require.LessOrEqual(t, e.Offset+int64(e.Stored), int64(len(pack)))
		}
	})
}

// signed makes a pack of a body: frames and footer.
func signed(body []byte, frames, chunks uint32) []byte {
	header := append([]byte("dogearpk"), 1, 0, 0, 0, 0, 0, 0, 0)
	counts := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, frames), chunks)
	footer := body[max(0, len(body)-int(frames*20+chunks*36)):]
	digest := sha256.New()
	for _, b := range [][]byte{header, footer, counts} {
		digest.Write(b)
	}
	return append(digest.Sum(append(append(header, body...), counts...)), "dogearpe"...)
}

// FuzzVerify feeds whole packs to the reader that checks them.
func FuzzVerify(f *testing.F) {
	dir := f.TempDir()
	path, _ := writePack(f, dir, text(500), random(1, 50))
	pack, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(pack)
	f.Add(pack[:len(pack)/2])
	r := newReader(f)
	f.Fuzz(func(t *testing.T, pack []byte) {
		broken := chunk.Path(t.TempDir(), "fuzz")
		require.NoError(t, os.WriteFile(broken, pack, 0o600))
		_, _ = r.Verify(t.Context(), broken)
	})
}
