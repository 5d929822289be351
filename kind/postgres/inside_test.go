package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// However many facts a database has, telling one costs the same: the facts are
// indexed once, not for each of them.
func TestFactsOfOneTableAreToldAtOnce(t *testing.T) {
	const tables = 2000
	inv := &inventory{}
	for i := range tables {
		name := fmt.Sprintf("public.t%d", i)
		inv.Relations = append(inv.Relations, relation{Name: name, Word: "table"})
		inv.Facts = append(inv.Facts, [2]string{"schema sequence " + name + "_id", "sequence owned_by=" + name + ".id"}, [2]string{"sequence " + name + "_id", "last value 1"}, [2]string{"table " + name, "0 rows"})
	}
	r := &restoration{part: kind.Part{Inside: []string{"t7", "public.t8"}}, target: inv, database: "shop"}
	var found []string
	allocations := testing.AllocsPerRun(1, func() {
		found = nil
		restores := r.restores()
		for _, f := range inv.Facts {
			if restores(f[0]) {
				found = append(found, f[0])
			}
		}
	})
	require.Equal(t, "sequence public.t7_id, table public.t7, sequence public.t8_id, table public.t8", strings.Join(found, ", "))
	require.Less(t, allocations, float64(20*len(inv.Facts)))
}
