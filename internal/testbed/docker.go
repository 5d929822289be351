package testbed

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// runID is the value of the label on what this test process makes.
var runID = sync.OnceValue(func() string { return "run-" + random() })

func random() string {
	raw := make([]byte, 5)
	_, _ = rand.Read(raw) // never fails, as its documentation says
	return hex.EncodeToString(raw)
}

func imageRef(name string) string { return "dogear-test/" + name + ":latest" }

// Image returns the reference of a test image: "bookworm" (Postgres 15, MariaDB 10.11, Redis 7, git, sqlite3),
// "trixie" (the same, newer) or "busybox". It skips the test if there is none.
func Image(t testing.TB, name string) string {
	t.Helper()
	if err := imageCheck(name)(); err != nil {
		refuse(t, "docker", err)
	}
	return imageRef(name)
}

// Docker runs the docker program and returns what it printed.
func Docker(t testing.TB, args ...string) string {
	t.Helper()
	return Run(t, "docker", args...)
}

// LabelFlag is for a test that makes things with the docker program itself. It removes them by name, too.
func LabelFlag() string { return "--label=" + Label + "=" + runID() }

// Labels is LabelFlag for a test that makes things through the engine's API.
func Labels() map[string]string { return map[string]string{Label: runID()} }

// Name returns a name that nothing else on the engine has.
func Name(kind string) string { return fmt.Sprintf("dogear-test-%s-%s", kind, random()) }

// Container starts a container in the background and returns its name. options are flags of `docker run`, command
// is what it runs: Container(t, "busybox", []string{"--network=none"}, "sleep", "600"). It is removed at the
// end of the test, with its anonymous volumes.
func Container(t testing.TB, image string, options []string, command ...string) string {
	t.Helper()
	name := Name("container")
	args := append([]string{"run", "--detach", "--name", name, LabelFlag()}, options...)
	args = append(append(args, Image(t, image)), command...)
	// Before the start: a container that does not start has been created all the same.
	removeAtEnd(t, "rm", "--force", "--volumes", name)
	Docker(t, args...)
	return name
}

// Volume makes a named volume, removed at the end of the test. options are flags of `docker volume create`.
func Volume(t testing.TB, options ...string) string {
	t.Helper()
	Require(t, "docker")
	name := Name("volume")
	Docker(t, append(append([]string{"volume", "create", LabelFlag()}, options...), name)...)
	removeAtEnd(t, "volume", "rm", "--force", name)
	return name
}

// Network makes a network, removed at the end of the test. options are flags of `docker network create`.
func Network(t testing.TB, options ...string) string {
	t.Helper()
	Require(t, "docker")
	name := Name("network")
	Docker(t, append(append([]string{"network", "create", LabelFlag()}, options...), name)...)
	removeAtEnd(t, "network", "rm", name)
	return name
}

func removeAtEnd(t testing.TB, args ...string) {
	t.Cleanup(func() {
		if _, err := output("", "docker", args...); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
}

// Inspect returns one value of a container, as Go templates of `docker inspect` name it: ".State.Status".
func Inspect(t testing.TB, container, field string) string {
	t.Helper()
	return Docker(t, "container", "inspect", "--format", "{{"+field+"}}", container)
}

// Exec runs a command in a container and returns what it printed.
func Exec(t testing.TB, container string, command ...string) string {
	t.Helper()
	require.NotEmpty(t, container, "no such container")
	return Docker(t, append([]string{"exec", container}, command...)...)
}
