package rowsum_test

import (
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
