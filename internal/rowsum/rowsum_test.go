package rowsum_test

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dogear/internal/rowsum"
)

func TestSumKnowsNeitherOrderNorPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOf(rapid.StringMatching(`[a-c\\]{0,3}`)).Draw(t, "rows")
		want := sumOf(strings.Join(rows, "\n")+"\n", len(rows) == 0, 1<<20)
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		piece := rapid.IntRange(1, 7).Draw(t, "piece")
		require.Equal(t, want, sumOf(strings.Join(rows, "\n")+"\n", len(rows) == 0, piece))
		more := append(rows, rapid.SampledFrom(append(rows, "x")).Draw(t, "twice"))
		require.NotEqual(t, want, sumOf(strings.Join(more, "\n")+"\n", false, piece))
	})
}

// A sum is that of the digests of its rows, as whole numbers, and so is that of
// two sums: rows that are there twice do not cancel each other out. Fails with an
// exclusive or, without the carry, and if sums do not count each other's rows.
func TestSumIsASumOfDigests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.StringMatching(`[a-c]{0,3}`), 1, 20).Draw(t, "rows")
		want := new(big.Int)
		for _, row := range rows {
			digest := sha256.Sum256([]byte(row))
			want.Add(want, new(big.Int).SetBytes(digest[:16]))
		}
		want.Mod(want, new(big.Int).Lsh(big.NewInt(1), 128))
		first, second := &rowsum.Sum{}, &rowsum.Sum{}
		for i, row := range rows {
			sum := first
			if i%2 == 1 {
				sum = second
			}
			_, _ = sum.Write([]byte(row + "\n"))
		}
		first.Add(second)
		require.Equal(t, fmt.Sprintf("%d rows, %032x", len(rows), want), first.String())
	})
}

func sumOf(text string, empty bool, piece int) string {
	s := &rowsum.Sum{}
	if empty {
		return s.String()
	}
	for len(text) > 0 {
		n := min(piece, len(text))
		_, _ = s.Write([]byte(text[:n]))
		text = text[n:]
	}
	return s.String()
}
