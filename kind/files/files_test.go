package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/kind/files"
	"dogear/kind/kindtest"
)

var id = kind.ID{Kind: "files", Name: "."}

func workspace(t *testing.T) *kind.Workspace {
	t.Helper()
	root := filepath.Join(t.TempDir(), "work")
	require.NoError(t, os.Mkdir(root, 0o755))
	return kindtest.Workspace(root)
}

func TestConforms(t *testing.T) {
	ws := workspace(t)
	kindtest.PlantTree(t, filepath.Join(ws.Root, "planted"))
	kindtest.Run(t, kindtest.Harness{
		Driver:    files.New(),
		Workspace: ws,
		Item:      id,
		Mutations: kindtest.TreeMutations(ws.Root, "planted", kindtest.Plain),
		Witness:   func(t *testing.T) any { return kindtest.Inodes(t, ws.Root) },
		Remove:    func(t *testing.T) { require.NoError(t, os.RemoveAll(ws.Root)) },
	})
}

func TestRepositoryAtTheRootOwnsTheFiles(t *testing.T) {
	ws := workspace(t)
	repository := kind.Item{ID: kind.ID{Kind: "git", Name: "."}, Root: ws.Root}
	inner := kind.Item{ID: kind.ID{Kind: "git", Name: "inner"}, Root: filepath.Join(ws.Root, "inner")}

	items, err := files.New().Find(t.Context(), ws, []kind.Item{repository, inner})
	require.NoError(t, err)
	require.Empty(t, items)

	items, err = files.New().Find(t.Context(), ws, []kind.Item{inner})
	require.NoError(t, err)
	require.Equal(t, []kind.Item{{ID: id, Root: ws.Root, Needs: []kind.ID{inner.ID}}}, items)
}

func TestWhatOthersOwnOrSpeakForIsLeftOut(t *testing.T) {
	ws := workspace(t)
	ws.Volatile = []kind.Pattern{"**/*.pid"}
	for _, name := range []string{"plain", "claimed", "run/server.pid", "inner/file"} {
		path := filepath.Join(ws.Root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	item := kind.Item{ID: id, Root: ws.Root, Nested: []string{"inner"}, Claimed: []kind.Pattern{"claimed"}}

	var names []string
	for _, f := range kindtest.Collect(t, files.New().Inspect(t.Context(), ws, item)) {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{".", "inner", "plain", "run"}, names)
	require.Len(t, kindtest.Collect(t, files.New().InspectRest(t.Context(), ws, item)), 6)
}

// A database in the workspace is captured by the page.
func TestDatabasesArePaged(t *testing.T) {
	ws := workspace(t)
	for _, name := range []string{"app.db", "other"} {
		require.NoError(t, os.WriteFile(filepath.Join(ws.Root, name), make([]byte, 1<<20), 0o644))
	}
	item := kind.Item{ID: id, Root: ws.Root, Claimed: []kind.Pattern{"app.db"}}
	for fact, err := range files.New().InspectRest(t.Context(), ws, item) {
		require.NoError(t, err)
		require.Equal(t, fact.Name == "app.db", strings.Contains(fact.Value, " sha256-blocks="), fact.Name)
	}
}
