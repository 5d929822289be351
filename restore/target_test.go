package restore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

func TestSelection(t *testing.T) {
	id := func(s string) kind.ID {
		parsed, err := kind.ParseID(s)
		require.NoError(t, err)
		return parsed
	}
	part := func(name, root string, needs ...string) snapshot.Part {
		p := snapshot.Part{Part: kind.Part{ID: id(name), Root: root}}
		for _, n := range needs {
			p.Needs = append(p.Needs, id(n))
		}
		return p
	}
	s := &snapshot.Snapshot{Parts: []snapshot.Part{
		part("container/web", "", "image/web", "volume/data"), part("files/.", "/w", "git/api"), part("git/api", "/w/api"),
		part("image/web", ""), part("volume/data", ""),
	}}
	database := part("postgres/db", "", "container/web")
	database.Claims = []kind.Claim{{On: id("volume/data")}}
	s.Parts = append(s.Parts, database)
	is := func(names ...string) func(kind.ID) bool {
		return func(id kind.ID) bool {
			for _, n := range names {
				if id.String() == n {
					return true
				}
			}
			return false
		}
	}
	for name, c := range map[string]struct {
		selection restore.Selection
		want      []string
	}{
		"everything":              {restore.Selection{}, []string{"container/web", "files/.", "git/api", "image/web", "volume/data", "postgres/db"}},
		"with what it needs":      {restore.Selection{Only: is("container/web")}, []string{"container/web", "image/web", "volume/data"}},
		"with the tree it claims": {restore.Selection{Only: is("postgres/db"), Except: is("container/web")}, []string{"volume/data", "postgres/db"}},
		"not what lies within":    {restore.Selection{Only: is("files/.")}, []string{"files/."}},
		"never what is left out":  {restore.Selection{Only: is("container/web"), Except: is("volume/data")}, []string{"container/web", "image/web"}},
		"left out, though needed": {restore.Selection{Except: is("image/web", "files/.", "postgres/db")}, []string{"container/web", "git/api", "volume/data"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range c.selection.Parts(s) {
				got = append(got, p.ID.String())
			}
			require.Equal(t, c.want, got)
		})
	}
}
