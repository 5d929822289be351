package postgres

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// Parts of rows are whole rows, also of rows longer than any buffer, and
// together they are what there was. An error in the middle is not an end.
func TestRowsAreGivenOutWhole(t *testing.T) {
	long := strings.Repeat("x", 600<<10)
	text := "1\ta\n\n2\tb\n" + long + "\n3\tc\n" + long + long + "\n4\n"
	for _, size := range []int64{1, 3, 4, 5, 9, 10, 100, 300 << 10, 700 << 10, 10 << 20} {
		rows, all := newRowReader(strings.NewReader(text)), bytes.Buffer{}
		for rows.more() {
			some, err := io.ReadAll(rows.some(size))
			require.NoError(t, err)
			require.True(t, bytes.HasSuffix(some, []byte("\n")), "of %d bytes", size)
			require.GreaterOrEqual(t, int64(len(some)), min(size, int64(len(text)-all.Len())))
			all.Write(some)
		}
		require.True(t, text == all.String(), "of %d bytes", size)
	}
	broken := errors.New("broken")
	for _, size := range []int64{1, 2, 100} {
		rows := newRowReader(io.MultiReader(strings.NewReader("1\n2"), iotest.ErrReader(broken)))
		var err error
		for err == nil && rows.more() {
			_, err = io.ReadAll(rows.some(size))
		}
		require.ErrorIs(t, err, broken)
	}
	some, err := io.ReadAll(newRowReader(strings.NewReader("1\n2")).some(3))
	require.NoError(t, err)
	require.Equal(t, "1\n2", string(some), "what is cut off is seen by its sum")
}
