package handles_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/handles"
	"dogear/internal/testbed"
)

func identity(t *testing.T, path string) handles.File {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return handles.File{Dev: st.Dev, Ino: st.Ino}
}

// Who has a file open is found by the file, whatever its name has become. This
// process, and those of containers, are not looked for.
func TestHolders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "held")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o644))
	ours, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, ours.Close()) }()
	held := map[handles.File]bool{identity(t, path): true}
	found, err := handles.Of(held)
	require.NoError(t, err)
	require.Empty(t, found, "it is this process")

	cmd := exec.Command("sleep", "600")
	cmd.Stdin = ours
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
	})
	require.NoError(t, os.Rename(path, path+"2"))
	found, err = handles.Of(held)
	require.NoError(t, err)
	require.Equal(t, []handles.Holder{{PID: cmd.Process.Pid, Program: "sleep", File: identity(t, path+"2")}}, found)

	testbed.Container(t, "busybox", []string{"--volume=" + filepath.Dir(path) + ":/held"}, "sh", "-c", "exec sleep 600 </held/held2")
	found, err = handles.Of(held)
	require.NoError(t, err)
	require.Len(t, found, 1)
}
