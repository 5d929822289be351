package proc_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/proc"
	"dogear/internal/testbed"
)

func shell(script string) proc.Command {
	return proc.Command{Name: "sh", Args: []string{"-c", script}}
}

func TestRunReturnsOutput(t *testing.T) {
	c := shell("cat; printf '%s' \"$GREETING\"; pwd")
	c.Stdin, c.Env, c.Dir = strings.NewReader("in "), []string{"GREETING=hello "}, "/"
	out, err := proc.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "in hello /\n", string(out))
}

func TestLocaleIsFixedAndVariablesAreDropped(t *testing.T) {
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	t.Setenv("GIT_DIR", "/elsewhere")
	c := shell(`echo "$LC_ALL $GIT_DIR"`)
	c.Drop = []string{"GIT_"}
	out, err := proc.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "C \n", string(out))
}

func TestErrorCarriesStderrAndNoSecret(t *testing.T) {
	c := shell("cat >/dev/null; echo 'fatal: no' >&2; exit 3")
	c.Env, c.Stdin = []string{"TOKEN=hunter2"}, strings.NewReader("hunter2")
	_, err := proc.Run(t.Context(), c)
	var failed *proc.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 3, failed.Code())
	require.EqualError(t, err, "sh: exit status 3: fatal: no")
}

func TestLongStderrKeepsItsEnd(t *testing.T) {
	_, err := proc.Run(t.Context(), shell("head -c 100000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 1"))
	require.ErrorContains(t, err, "the end")
	require.Less(t, len(err.Error()), 5000)
}

func TestOutputIsBounded(t *testing.T) {
	c := shell("yes")
	c.Limit = 1000
	_, err := proc.Run(t.Context(), c)
	require.ErrorIs(t, err, proc.ErrTooMuch)
}

func TestMissingProgram(t *testing.T) {
	_, err := proc.Run(t.Context(), proc.Command{Name: "dogear-no-such-program"})
	require.ErrorContains(t, err, "run dogear-no-such-program")
}

func TestCancelKillsTheWholeGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ready := filepath.Join(t.TempDir(), "ready")
	done := make(chan error, 1)
	go func() {
		_, err := proc.Run(ctx, shell("sleep 1000 & echo > "+ready+"; wait"))
		done <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(ready); return err == nil }, 10*time.Second, time.Millisecond)
	cancel()
	select {
	case err := <-done:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(10 * time.Second):
		require.Fail(t, "the sleeping grandchild kept Run waiting")
	}
}

func TestOwner(t *testing.T) {
	testbed.Require(t, "root")
	dir := t.TempDir()
	mine, err := proc.OwnerOf(dir)
	require.NoError(t, err)
	require.Nil(t, mine)

	require.NoError(t, os.Chown(dir, 65534, 65534))
	owner, err := proc.OwnerOf(dir)
	require.NoError(t, err)
	c := shell("id -u; id -G; echo $HOME")
	c.Owner = owner
	out, err := proc.Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, "65534\n65534\n/nonexistent\n", string(out))
}
