package store

import (
	"math/rand/v2"
	"slices"
	"testing"

	"dogear/kind"

	"github.com/stretchr/testify/require"
)

func idsOf(numbers ...byte) []kind.ChunkID {
	ids := make([]kind.ChunkID, len(numbers))
	for i, n := range numbers {
		ids[i][0] = n
	}
	return ids
}

func randomIDs(r *rand.Rand) []kind.ChunkID {
	var numbers []byte
	for n := range 256 {
		if r.IntN(3) > 0 {
			numbers = append(numbers, byte(n))
		}
	}
	return idsOf(numbers...)
}

func TestReachPatchesComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 300 {
		old, ids := randomIDs(r), randomIDs(r)
		base := kind.Object{Name: reachName, Size: int64(n), Listed: n%2 == 0, Chunks: randomIDs(r)}
		b := difference(base, old, ids).encode()
		require.NotZero(t, len(b)%idSize)
		p, err := decodePatch(b)
		require.NoError(t, err)
		require.Equal(t, base, p.base)
		again, err := p.apply(old)
		require.NoError(t, err)
		require.Equal(t, ids, again)
		_, err = decodePatch(b[:len(b)-1])
		require.ErrorIs(t, err, ErrDamaged)
	}
}

func TestReachPatchesThatDoNotFitAreRefused(t *testing.T) {
	for name, p := range map[string]reachPatch{
		"adds what is there":          {added: idsOf(2)},
		"takes away what is not":      {removed: idsOf(3)},
		"takes away beyond the end":   {removed: idsOf(9)},
		"takes away twice":            {removed: idsOf(2, 2)},
		"takes away in another order": {removed: idsOf(4, 2)},
		"adds in another order":       {added: idsOf(9, 8)},
	} {
		decoded, err := decodePatch(p.encode())
		if err == nil {
			_, err = decoded.apply(idsOf(1, 2, 4))
		}
		require.ErrorIs(t, err, ErrDamaged, name)
	}
}

// FuzzReachPatch feeds the parser: what it takes is, byte for byte, what was
// written, and what it makes of a list is in order.
func FuzzReachPatch(f *testing.F) {
	f.Add(difference(kind.Object{Chunks: idsOf(1), Size: 96}, idsOf(1, 2, 4), idsOf(2, 3)).encode())
	f.Add([]byte(reachHeading + "\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePatch(b)
		if err != nil {
			return
		}
		require.Equal(t, b, p.encode())
		if ids, err := p.apply(idsOf(1, 2, 4)); err == nil {
			require.True(t, slices.IsSortedFunc(ids, compareIDs))
		}
	})
}
