package docker

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// snapshotter is in the path of every directory in which containerd keeps
// layers, below its own data directory.
const snapshotter = "/io.containerd.snapshotter.v1."

// layers are what is known of the layers of an engine with the containerd
// image store.
type layers struct {
	dirs  map[string]string // of containers, by id: a container keeps its layer
	roots []string          // data directories of containerd's
}

// Layer returns the directory of a container's writable layer on the engine's
// host, or "" if it keeps none that can be read.
//
// Engines with the containerd image store do not say where it is. While a
// container runs the kernel of this host does, in the list of mounts; otherwise,
// and on other hosts, containerd's own records do. (The engine would also mount
// it to copy a file out, but that makes and removes a directory in it.)
func (e *Engine) Layer(ctx context.Context, c *Container) (string, error) {
	if dir := c.layer(); dir != "" || e.info.Driver != "overlayfs" {
		return dir, nil
	}
	if dir := e.knownLayer(c.ID); dir != "" {
		return dir, nil
	}
	if e.Local() {
		if err := e.learnMounted(); err != nil {
			return "", fmt.Errorf("look for its writable layer: %w", err)
		}
		if dir := e.knownLayer(c.ID); dir != "" {
			return dir, nil
		}
	}
	if err := e.learnRecorded(ctx); err != nil {
		return "", fmt.Errorf("look for its writable layer: %w", err)
	}
	return e.knownLayer(c.ID), nil
}

func (e *Engine) knownLayer(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.layers.dirs[id]
}

// learn notes layers by the ids of their containers.
func (e *Engine) learn(dirs map[string]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.layers.dirs == nil {
		e.layers.dirs = make(map[string]string)
	}
	for id, dir := range dirs {
		e.layers.dirs[id] = dir
		e.layers.addRoot(dir)
	}
}

// learnRoot notes in which data directory a layer is.
func (e *Engine) learnRoot(dir string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.layers.addRoot(dir)
}

func (l *layers) addRoot(dir string) {
	if root, _, _ := strings.Cut(dir, snapshotter); !slices.Contains(l.roots, root) {
		l.roots = append(l.roots, root)
	}
}

// containerdRoots returns the data directories in which layers were seen.
func (e *Engine) containerdRoots() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.layers.roots)
}

// rootOf returns the data directory, of the engine or of its containerd, in
// which a directory is.
func (e *Engine) rootOf(dir string) (string, error) {
	for _, root := range append([]string{e.DataRoot()}, e.containerdRoots()...) {
		if strings.HasPrefix(dir, root+"/") {
			return root, nil
		}
	}
	return "", fmt.Errorf("%s is not in the engine's data directory %s", dir, e.DataRoot())
}

// learnMounted learns the layers of what is mounted.
func (e *Engine) learnMounted() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil {
		e.learn(mountedLayers(string(mounts), e.DataRoot()))
	}
	return err
}

// overlay returns where a line of a list of mounts says that an overlay is
// mounted, and the directory that it writes to. Both are empty for what is none.
func overlay(line string) (point, upper string) {
	mount, filesystem, _ := strings.Cut(strings.TrimSpace(line), " - ")
	where, what := strings.Fields(mount), strings.Fields(filesystem)
	if len(where) < 5 || len(what) < 3 || what[0] != "overlay" {
		return "", ""
	}
	for option := range strings.SplitSeq(what[2], ",") {
		if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
			upper = unescape(dir)
		}
	}
	return unescape(where[4]), upper
}

// mountedLayers finds the layers of mounted containers in a list of mounts. The
// engine mounts each in a directory of the container's id, in its own.
func mountedLayers(mounts, dataRoot string) map[string]string {
	dirs := make(map[string]string)
	for line := range strings.Lines(mounts) {
		if point, upper := overlay(line); strings.HasPrefix(point, dataRoot+"/rootfs/") && strings.Contains(upper, snapshotter) {
			dirs[path.Base(point)] = upper
		}
	}
	return dirs
}
