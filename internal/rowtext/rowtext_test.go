package rowtext_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dogear/internal/rowtext"
)

// What is written as a line is read as one, whatever it holds.
func TestLinesHoldAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var values [][]byte
		for range rapid.IntRange(1, 4).Draw(t, "fields") {
			value := []byte(rapid.StringOf(rapid.SampledFrom([]rune("a\t\n\\N'\x00\r\x1a,ü"))).Draw(t, "value"))
			values = append(values, value)
		}
		var line []byte
		for _, v := range values {
			line = append(rowtext.Append(line, v), '\t')
		}
		line[len(line)-1] = '\n'
		seen := 0
		require.NoError(t, rowtext.Lines(bytes.NewReader(append(line, line...)), func(line []byte) error {
			seen++
			fields := rowtext.Split(nil, line)
			require.Len(t, fields, len(values))
			for i, f := range fields {
				require.Equal(t, string(values[i]), rowtext.Value(f))
				require.NotEqual(t, rowtext.Null, string(f))
			}
			return nil
		}))
		require.Equal(t, 2, seen)
	})
	require.Equal(t, rowtext.Null, string(rowtext.Append(nil, nil)))
	require.Equal(t, "a\bx\vb", rowtext.Value([]byte(`a\bx\vb`)))
	long := strings.Repeat("x", 300_000) + "\n"
	require.NoError(t, rowtext.Lines(strings.NewReader(long+"short\n"+long), func(line []byte) error {
		require.Contains(t, []int{len("short"), len(long) - 1}, len(line))
		return nil
	}))
	require.ErrorIs(t, rowtext.Lines(strings.NewReader("a\nb"), func([]byte) error { return nil }), rowtext.ErrCut)
}
