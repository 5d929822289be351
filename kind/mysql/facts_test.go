package mysql_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlay(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	for k, v := range r.facts() {
		t.Logf("%s = %s", k, v)
	}
	require.NotEmpty(t, r.items)
}
