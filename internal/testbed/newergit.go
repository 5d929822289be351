package testbed

import (
	"errors"
	"os"
	"testing"
)

// NewerGit returns the git of Debian trixie that `up` unpacked, which knows formats that bookworm's does not. It skips
// the test if there is none.
func NewerGit(t testing.TB) string {
	t.Helper()
	Require(t, "newer-git")
	return newerGit()
}

func newerGit() string { return os.Getenv("DOGEAR_TEST_NEWER_GIT") }

func checkNewerGit() error {
	if newerGit() == "" {
		return errors.New("there is no newer git; " + setUp)
	}
	return tryCommand("the newer git does not run; "+setUp, newerGit(), "version")
}
