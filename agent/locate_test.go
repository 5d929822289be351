package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
)

// makeDirs makes directories, each with a file of the given name, if any.
func makeDirs(t *testing.T, files ...string) string {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for _, f := range files {
		path := filepath.Join(top, f)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	return top
}

func TestLocate(t *testing.T) {
	top := makeDirs(t, "configured/dogear.yaml", "configured/repo/.git/HEAD", "configured/repo/src/x",
		"composed/compose.yaml", "composed/src/deep/x", "known/repo/.git/HEAD", "plain/x", "empty/sub/x")
	known := []string{filepath.Join(top, "known")}
	for dir, want := range map[string]string{
		"configured/repo/src": "configured", // its own configuration wins over the nearer repository
		"composed/src/deep":   "composed",
		"known/repo":          "known", // what was captured before is meant again
		"plain":               "plain",
	} {
		root, err := locate(api.Workspace{Dir: filepath.Join(top, dir)}, known)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(top, want), root)
	}
	root, err := locate(api.Workspace{Dir: filepath.Join(top, "configured/repo"), Exact: true}, known)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(top, "configured/repo"), root)
}

func TestKnownWorkspaceIsFoundWhereNothingIsLeft(t *testing.T) {
	top := makeDirs(t, "file")
	gone, empty := filepath.Join(top, "gone"), filepath.Join(top, "empty")
	require.NoError(t, os.Mkdir(empty, 0o700))
	for _, dir := range []string{gone, empty} {
		root, err := locate(api.Workspace{Dir: dir, Exact: true}, []string{gone, empty})
		require.NoError(t, err)
		require.Equal(t, dir, root)
	}
}

func TestLocateFollowsLinks(t *testing.T) {
	top := makeDirs(t, "real/x")
	require.NoError(t, os.Symlink("real", filepath.Join(top, "link")))
	root, err := locate(api.Workspace{Dir: filepath.Join(top, "link"), Exact: true}, nil)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(top, "real"), root)
}

func TestNoWorkspace(t *testing.T) {
	top := makeDirs(t, "file")
	empty := filepath.Join(top, "empty")
	require.NoError(t, os.Mkdir(empty, 0o700))
	for _, ws := range []api.Workspace{
		{Dir: empty}, {Dir: empty, Exact: true}, {Dir: filepath.Join(top, "missing")}, {Dir: filepath.Join(top, "file")}, {Dir: "/"}, {Dir: "/", Exact: true},
	} {
		_, err := locate(ws, nil)
		require.Equal(t, api.CodeNotFound, api.AsError(err).Code, "%v", ws)
		require.ErrorContains(t, err, "is not a workspace")
	}
}
