package git

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Small real files: an index of version 4 with one entry, and the "link"
// extension of a split index.
const (
	seedIndex = "444952430000000400000001655360f7000000006553610000000000000000fe000000010000" + "81a40000000000000000000000042e65d2d12e23d1b5b8d4ab7b6d5b7ad4f2b6f7c5" + "0007006e6f7465732e747874000000000000000000000000000000000000000000"
	seedTable = "5245465401001000000000000000000400000000000000057200007b00494f5249475f4845414401c4a57046c6c95a905a741335ca69f966ae2079460062726566732f746167732f76310095c76832b190a253e70a7ccbf7c7a8b514f5335cc4a57046c6c95a905a741335ca69f966ae20794600001c00003c0002" +
		"52454654010010000000000000000004000000000000000500000000000000000000000000000000000000000000000000000000000000000000000000000000"
	seedBitmap = "00000003000000020000000200000000000000000000000500000000" + "0000000000000001000000000000000000000000"
)

func seed(f *testing.F, text string) []byte {
	content, err := hex.DecodeString(text)
	require.NoError(f, err)
	return content
}

func FuzzIndex(f *testing.F) {
	f.Add(seed(f, seedIndex), 20)
	f.Fuzz(func(t *testing.T, content []byte, hashSize int) {
		if hashSize != 32 {
			hashSize = 20
		}
		ix, err := parseIndex(content, hashSize)
		if err != nil {
			return
		}
		facts := entryFacts(ix.entries)
		require.LessOrEqual(t, len(facts), len(ix.entries))
		if ix.link(hashSize) != "" {
			_ = ix.join(&index{}, hashSize)
		}
		meaning(content)
	})
}

func FuzzBitmap(f *testing.F) {
	f.Add(seed(f, seedBitmap))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, rest, err := parseBitmap(data, 1000)
		if err == nil {
			require.Less(t, len(rest), len(data))
		}
	})
}

func FuzzRefs(f *testing.F) {
	f.Add([]byte("# pack-refs with: peeled\n0123456789012345678901234567890123456789 refs/heads/main\n^0123456789012345678901234567890123456789\n"))
	f.Add([]byte("0 1 Ada <ada@example.org> 1700000000 +0000\tWIP on main\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for name, id := range parsePackedRefs(content) {
			require.True(t, isObjectID(id))
			require.NotEmpty(t, name)
		}
		stashFacts(content)
	})
}

// FuzzTable also makes the checksum right: nothing after it would be tried.
func FuzzTable(f *testing.F) {
	f.Add(seed(f, seedTable))
	f.Fuzz(func(t *testing.T, content []byte) {
		_ = parseTable(content, func(string, string) {})
		for _, header := range []int{24, 28} {
			if end := len(content) - header - tableIndexes; end >= header {
				content = slices.Clone(content)
				copy(content[end:], content[:header])
				binary.BigEndian.PutUint32(content[len(content)-4:], crc32.ChecksumIEEE(content[end:len(content)-4]))
				names := 0
				_ = parseTable(content, func(name, _ string) { names += len(name) })
				require.LessOrEqual(t, names, namesPerByte*len(content))
			}
		}
	})
}
