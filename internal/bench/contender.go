package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// A contender saves and restores one directory, in a store of its own.
type contender struct {
	name  string
	home  string // a directory for its store and what else it keeps
	store string // what counts as its store
	init  func() *exec.Cmd
	// save saves root, whose parent is the working directory.
	save func(root string) *exec.Cmd
	// restore makes root what was saved first.
	restore func(root string) *exec.Cmd
	// mayComplain lets its restore exit with 1, which is counted.
	mayComplain bool
	// engine lets dogear find the engine of the machine.
	engine bool
}

// program returns a command that runs beside root.
func program(root, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = filepath.Dir(root)
	return cmd
}

// tar knows neither what has changed nor how to restore in place.
func tar(home string) *contender {
	archive := filepath.Join(home, "tree.tar.zst")
	return &contender{
		name: "tar", home: home, store: archive,
		save: func(root string) *exec.Cmd {
			return program(root, "bash", "-c", `set -o pipefail; tar -cf - "$1" | zstd -q -f -1 -T2 -o "$2"`, "bash",
				filepath.Base(root), archive)
		},
		restore: func(root string) *exec.Cmd {
			return program(root, "bash", "-c", `set -o pipefail; zstd -q -d -c "$1" | tar -xpf -`, "bash", archive)
		},
	}
}

// restic 0.14 goes on when it cannot make a symbolic link because it is there
// already, and ends with an error.
func restic(home string) *contender {
	c := &contender{name: "restic", home: home, store: filepath.Join(home, "store"), mayComplain: true}
	command := func(root string, args ...string) *exec.Cmd {
		cmd := program(root, "restic", append(args, "--quiet")...)
		cmd.Env = append(os.Environ(), "RESTIC_REPOSITORY="+c.store, "RESTIC_PASSWORD=bench",
			"RESTIC_CACHE_DIR="+filepath.Join(home, "cache"))
		return cmd
	}
	c.init = func() *exec.Cmd { return command(home, "init") }
	c.save = func(root string) *exec.Cmd { return command(root, "backup", filepath.Base(root)) }
	c.restore = func(root string) *exec.Cmd { return command(root, "restore", "latest", "--target", ".") }
	return c
}

// dogear is the binary that users run, with an agent of its own each time.
func dogear(home, binary string) *contender {
	c := &contender{name: "dogear", home: home, store: filepath.Join(home, "store")}
	command := func(root string, args ...string) *exec.Cmd {
		cmd := program(root, binary, append(args, "--quiet", "-C", root)...)
		cmd.Env = append(os.Environ(), "DOGEAR_STORE="+c.store, "HOME="+home, "XDG_CONFIG_HOME="+home)
		if !c.engine {
			cmd.Env = append(cmd.Env, "DOCKER_HOST=unix://"+filepath.Join(home, "no-engine.sock"))
		}
		return cmd
	}
	c.save = func(root string) *exec.Cmd { return command(root, "save") }
	c.restore = func(root string) *exec.Cmd { return command(root, "restore", "latest") }
	return c
}

// alone is the engine without git, journal, safety snapshot and receipt.
func alone(home string) *contender {
	c := &contender{name: "engine", home: home, store: filepath.Join(home, "store")}
	command := func(root, what string) *exec.Cmd {
		return program(root, "/proc/self/exe", engineCommand, what, c.store, root)
	}
	c.save = func(root string) *exec.Cmd { return command(root, "save") }
	c.restore = func(root string) *exec.Cmd { return command(root, "restore") }
	return c
}

// reset empties the contender's store.
func (c *contender) reset() error {
	if err := os.RemoveAll(c.home); err != nil {
		return err
	}
	if err := os.MkdirAll(c.home, 0o700); err != nil {
		return err
	}
	if c.init == nil {
		return nil
	}
	if out, err := c.init().CombinedOutput(); err != nil {
		return fmt.Errorf("init %s: %w\n%s", c.name, err, out)
	}
	return nil
}

// size returns the bytes of the store's files. What a tool may lose without
// losing anything is no part of it.
func (c *contender) size() (int64, error) {
	var sum int64
	err := filepath.WalkDir(c.store, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "cache" {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
