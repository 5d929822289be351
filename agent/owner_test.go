package agent

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
)

func TestProcessOwnerIsWhatTheKernelSays(t *testing.T) {
	before := time.Now()
	cmd := exec.Command("sleep", "300.25")
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
	}()
	eventually(t, "its own name", func() bool { return processOwner(cmd.Process.Pid).Command == "sleep" })
	owner := processOwner(cmd.Process.Pid)
	require.Equal(t, userName(os.Geteuid()), owner.User)
	require.WithinDuration(t, before, owner.Since, 2*time.Second)
	require.NotContains(t, describeOwner(owner), "300.25", "arguments may hold secrets")
}

func TestOwnerThatIsGone(t *testing.T) {
	cmd := exec.Command("true")
	require.NoError(t, cmd.Run())
	require.Equal(t, &api.Owner{PID: cmd.Process.Pid}, processOwner(cmd.Process.Pid))
	require.Nil(t, holderOf(os.ErrClosed))
}
