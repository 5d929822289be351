package chunk

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// A pack that is written to keeps nobody else waiting, once it is large enough:
// there is another one then. Without that, half of a core is idle while a large
// tree is captured on two.
func TestLargeCapturesWriteSeveralPacksAtOnce(t *testing.T) {
	o := newOutputIn(t)
	first, err := o.take()
	require.NoError(t, err)
	require.False(t, o.mayBegin(), "a small capture has one pack")
	fillPack(t, first, packBeside)
	o.give(first, int64(headerSize+trailerSize))
	require.True(t, o.mayBegin())

	again, err := o.take()
	require.NoError(t, err)
	require.Same(t, first, again, "none is begun while one is idle")
	second, err := o.take()
	require.NoError(t, err)
	require.NotSame(t, first, second)
	require.False(t, o.mayBegin(), "the second is small")
	before := second.finalSize()
	fillPack(t, second, 1<<20)
	o.give(second, before)
	o.give(first, first.finalSize())
	require.Equal(t, first.finalSize()+second.finalSize(), o.added())

	packs, err := o.finish()
	require.NoError(t, err)
	require.Len(t, packs, 2)
	for i, p := range []*packFile{first, second} {
		require.Equal(t, p.name, packs[i].Name)
		index, size, err := OpenIndex(Path(o.dir, p.name))
		require.NoError(t, err)
		require.Equal(t, packs[i].Size, size)
		require.Equal(t, packs[i].Index, index)
	}
	require.Equal(t, packs[0].Size+packs[1].Size, o.added())
}

func newOutputIn(t *testing.T) *output {
	n := 0
	return newOutput(t.TempDir(), func() string { n++; return fmt.Sprintf("%032x", n) })
}

func fillPack(t *testing.T, p *packFile, size int) {
	t.Helper()
	content := make([]byte, 1<<20)
	for i := range size / len(content) {
		content[0] = byte(i)
		_, err := p.append(content, Raw, []frameChunk{{id: kind.Sum(content), length: uint32(len(content))}})
		require.NoError(t, err)
	}
}
