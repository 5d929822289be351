package mysql

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/dbdiff"
	"dogear/kind"
)

// A table that is elsewhere says how to get there, with a password often.
func TestStatementsHidePasswords(t *testing.T) {
	far := func(password string) *definitions {
		return &definitions{Tables: []*table{{Name: "far", Engine: "FEDERATED", Create: "CREATE TABLE `far` (\n  `id` int\n) ENGINE=FEDERATED AUTO_INCREMENT=7 CONNECTION='mysql://u:" + password + "@h/db/t'"}}}
	}
	e := dbdiff.Statements(far("it''s one").statements(), far(`t\'wo`).statements(), kind.Explaining{})
	require.NotContains(t, e.Lines[0], "one")
	require.NotContains(t, e.Lines[0], "wo")
	require.Nil(t, dbdiff.Statements(far("x").statements(), far("x").statements(), kind.Explaining{}))
	shown := dbdiff.Statements(far("one").statements(), far("two").statements(), kind.Explaining{Details: true, Values: true})
	require.Contains(t, shown.Lines[1], "u:one@h")
}
