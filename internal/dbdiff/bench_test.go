package dbdiff

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRows compares two tables of two million rows, of which ten differ,
// and says how much memory it took.
func BenchmarkRows(b *testing.B) {
	const rows = 2_000_000
	generated := func(changed bool) State {
		return State{Columns: []string{"id", "name"}, Rows: rows, Lines: func(context.Context) io.ReadCloser {
			return Written(func(w io.Writer) error {
				for i := range rows {
					name := "somebody with a name"
					if changed && i%(rows/10) == 7 {
						name = "somebody else"
					}
					if _, err := fmt.Fprintf(w, "%d\t%s\n", i, name); err != nil {
						return err
					}
				}
				return nil
			})
		}}
	}
	for b.Loop() {
		e := explain(b, Table{Key: []string{"id"}}, generated(false), generated(true), details)
		require.Equal(b, "0 rows added, 0 removed, 10 changed", e.Summary)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapSys)/1e6, "MB")
}
