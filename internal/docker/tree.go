package docker

import (
	"context"
	"os"

	"dogear/internal/tree"
)

// Tree gives access to a directory in the engine's data directory, or in its
// containerd's: in this
// process if it may read it, else through the courier, to the same effect.
func (e *Engine) Tree(ctx context.Context, path string) (tree.Tree, error) {
	root, err := e.rootOf(path)
	if err != nil {
		return nil, err
	}
	return e.treeIn(ctx, root, path)
}

// treeIn is Tree for a directory in a data directory that is given too.
func (e *Engine) treeIn(ctx context.Context, root, path string) (tree.Tree, error) {
	if e.readsItself(path) {
		return tree.New(path), nil
	}
	return e.courierTree(ctx, root, path)
}

// ReadsItself reports whether trees are read in this process, and not through
// the courier.
func (e *Engine) ReadsItself() bool { return e.readsItself(e.DataRoot()) }

// readsItself reports whether this process sees the engine's directories as
// the engine does. Names in them are unique, so that a path that exists is
// the one that the engine means.
func (e *Engine) readsItself(path string) bool {
	if e.options.AlwaysCourier || os.Geteuid() != 0 || !e.Local() {
		return false
	}
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}
