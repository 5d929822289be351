package testbed

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Run runs a program, fails the test if that fails, and returns what it printed, without the last line feed.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	return RunInput(t, "", name, args...)
}

// RunInput is Run with something to read on standard input, where no argument list shows it.
func RunInput(t testing.TB, input, name string, args ...string) string {
	t.Helper()
	out, err := output(input, name, args...)
	require.NoError(t, err)
	return out
}

// output returns an error that says what was run and what it complained of.
func output(input, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	command := exec.Command(name, args...)
	command.Stdin = strings.NewReader(input)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", errors.New(command.String() + ": " + err.Error() + "\n" + stdout.String() + stderr.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// Eventually waits until the condition holds. Unlike testify's, it runs it in the test's own goroutine, so that the
// condition may fail the test.
func Eventually(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(50 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "after %s it is still not so that %s", limit, what)
	}
}

// Root returns the directory of Dogear's own repository.
func Root(t testing.TB) string {
	t.Helper()
	root, err := findRoot()
	require.NoError(t, err)
	return root
}

// findRoot goes up from the directory in which the test runs, that of its package.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "testdata", "services", "up")); missing == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("not inside Dogear's repository")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// composePath returns the Compose v2 that testdata/services/up found or unpacked.
func composePath() (string, error) {
	if path := os.Getenv("DOGEAR_TEST_COMPOSE"); path != "" {
		return path, nil
	}
	root, err := findRoot()
	if err != nil {
		return "", err
	}
	path, err := output("", "bash", "-c", `eval "$("$0")" && printf %s "${DOGEAR_TEST_COMPOSE:-}"`,
		filepath.Join(root, "testdata", "services", "env"))
	if err == nil && path == "" {
		err = errors.New("Compose v2 is missing; " + setUp)
	}
	return path, err
}
