package testbed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Label is on every container, volume, network and image that tests make.
const Label = "dogear.test"

// setUp is what to do about whatever is missing.
const setUp = "run testdata/services/up as root"

// parts says of each part what is wrong with it here, if anything. Asking an engine takes a moment, and
// many tests ask.
var parts = map[string]func() error{
	"docker":   sync.OnceValue(checkDocker),
	"compose":  sync.OnceValue(checkCompose),
	"postgres": imageCheck("bookworm"),
	"redis":    imageCheck("bookworm"),
	"mariadb":  imageCheck("bookworm"),
	"trixie":   imageCheck("trixie"),
	"root":     checkRoot,
	"mounts":   checkMounts,
	"git":      programCheck("git"),
	"git-lfs":  programCheck("git-lfs"),
	"sqlite3":  programCheck("sqlite3"),
	"psql":     programCheck("psql"),
	"podman":   programCheck("podman"),

	"newer-engine": checkNewerEngine,
	"rootless":     checkRootless,
	"newer-git":    sync.OnceValue(checkNewerGit),

	"flock": programCheck("flock"),
	"btrfs": programCheck("mkfs.btrfs"),
	"xfs":   programCheck("mkfs.xfs"),
	"ext4":  programCheck("mkfs.ext4"),
}

// Require skips the test unless this machine has every part: docker, compose, postgres, redis, mariadb (images with
// these servers), trixie (the newer image), root, mounts (that may be made), the programs git, sqlite3, psql and flock, or
// the tools of a file system (btrfs, xfs, ext4), newer-engine, newer-git, or rootless (Docker without root).
//
// A part listed in DOGEAR_REQUIRE (separated by commas; "all" lists every one) fails the test instead: a
// machine that should have it must not pass by skipping.
func Require(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		check, ok := parts[name]
		if !ok {
			t.Fatalf("testbed: there is no part called %q", name)
		}
		if err := check(); err != nil {
			refuse(t, name, err)
		}
	}
}

func refuse(t testing.TB, name string, reason error) {
	t.Helper()
	if isWanted(name) {
		t.Fatalf("DOGEAR_REQUIRE wants %s: %v", name, reason)
	}
	t.Skipf("needs %s: %v", name, reason)
}

func isWanted(name string) bool {
	required := strings.Split(os.Getenv("DOGEAR_REQUIRE"), ",")
	return slices.Contains(required, name) || slices.Contains(required, "all")
}

// Has is Require for scripts: it reports whether this machine has a part, and returns an error where DOGEAR_REQUIRE
// wants it and it is missing.
func Has(name string) (bool, error) {
	check, ok := parts[name]
	if !ok {
		return false, fmt.Errorf("testbed: there is no part called %q", name)
	}
	err := check()
	if err != nil && isWanted(name) {
		return false, fmt.Errorf("DOGEAR_REQUIRE wants %s: %w", name, err)
	}
	return err == nil, nil
}

func checkDocker() error {
	return tryCommand("no Docker engine answers; "+setUp, "docker", "version", "--format", "{{.Server.Version}}")
}

func checkCompose() error {
	if err := checkDocker(); err != nil {
		return err
	}
	_, err := composePath()
	return err
}

func imageCheck(name string) func() error {
	return sync.OnceValue(func() error {
		if err := checkDocker(); err != nil {
			return err
		}
		return tryCommand("there is no image "+imageRef(name)+"; "+setUp, "docker", "image", "inspect", imageRef(name))
	})
}

func programCheck(name string) func() error {
	return func() error {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%s is not installed; %s", name, setUp)
		}
		return nil
	}
}

func checkRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("not running as root")
	}
	return nil
}

func checkMounts() error {
	return tryCommand("no mounts may be made here: that takes root with all of its rights", "unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt")
}

func tryCommand(problem, name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s (%s)", problem, strings.TrimSpace(string(out)))
	}
	return nil
}
