package docker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"go.etcd.io/bbolt"

	"dogear/internal/tree"
	"dogear/kind"
)

// The records of containerd's overlayfs snapshotter: a bbolt file beside the
// layers. containerd's source specifies it (core/snapshots/storage): bucket
// v1, in it snapshots, in it one bucket for each snapshot. The engine's
// snapshots are called moby/<number>/<container>, and each has as "id" the
// number, a uvarint, of its directory.
const (
	snapshotterDir = snapshotter + "overlayfs"
	recordsFile    = "metadata.db"
	ownNamespace   = "moby/"
)

// recordTries is how often records are read that were being written.
const recordTries = 5

// learnRecorded learns the layers that containerd's records name.
func (e *Engine) learnRecorded(ctx context.Context) error {
	roots, err := e.recordRoots(ctx)
	if err != nil {
		return err
	}
	for _, root := range roots {
		dirs, err := e.recordedLayers(ctx, root)
		if errors.Is(err, kind.ErrGone) || errors.Is(err, fs.ErrNotExist) || errdefs.IsInvalidArgument(err) {
			continue // it is not there, or no container can be given it
		}
		if err != nil {
			return fmt.Errorf("read containerd's records: %w", err)
		}
		e.learn(dirs)
	}
	return nil
}

// recordRoots returns where containerd may keep its data.
func (e *Engine) recordRoots(ctx context.Context) ([]string, error) {
	if roots := e.containerdRoots(); len(roots) > 0 {
		return roots, nil
	}
	if !e.ReadsItself() {
		err := e.learnFromCourier(ctx)
		return e.containerdRoots(), err
	}
	usual := []string{path.Join(e.DataRoot(), "containerd", "daemon"), "/var/lib/containerd"}
	return slices.DeleteFunc(usual, func(root string) bool { return !e.readsItself(root + snapshotterDir) }), nil
}

// learnFromCourier learns where containerd keeps its data from the courier: it
// is a container too, wherever the engine runs, and sees where its own layer is.
func (e *Engine) learnFromCourier(ctx context.Context) error {
	c, err := e.warmCourier(ctx, e.DataRoot())
	if err != nil {
		return fmt.Errorf("start the courier: %w", err)
	}
	mounts, err := c.ReadFile(ctx, "/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("ask the courier what is mounted: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		if point, upper := overlay(line); point == "/" && strings.Contains(upper, snapshotter) {
			e.learnRoot(upper)
		}
	}
	return nil
}

// recordedLayers reads the records below one of containerd's data directories.
// The file is being written to now and then, and a copy may be torn.
func (e *Engine) recordedLayers(ctx context.Context, root string) (dirs map[string]string, err error) {
	records, err := e.treeIn(ctx, root, root+snapshotterDir)
	if err != nil {
		return nil, err
	}
	for range recordTries {
		var file []byte
		if file, err = readFile(ctx, records, recordsFile, "snapshots"); err != nil {
			return nil, err
		}
		if dirs, err = parseRecords(file, root+snapshotterDir); err == nil {
			return dirs, nil
		}
	}
	return nil, err
}

// readFile reads a small file of a tree, and leaves out a directory beside it.
func readFile(ctx context.Context, files tree.Tree, name string, beside kind.Pattern) (_ []byte, err error) {
	sink := &pieces{content: make(map[kind.ChunkID][]byte)}
	capture, err := files.Capture(ctx, tree.Options{Skip: []kind.Pattern{beside}}, sink)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, capture.Close()) }()
	if err := capture.Take(ctx); err != nil {
		return nil, err
	}
	result, err := capture.Finish(ctx)
	if err != nil {
		return nil, err
	}
	for entry, err := range result.Entries {
		if err != nil {
			return nil, err
		}
		if entry.Path == name && entry.Type == tree.Regular {
			var file bytes.Buffer
			err := tree.WriteContent(ctx, entry, sink, &file)
			return file.Bytes(), err
		}
	}
	return nil, fs.ErrNotExist
}

// pieces is a sink in memory.
type pieces struct {
	mu      sync.Mutex
	content map[kind.ChunkID][]byte // guarded by mu
}

var (
	_ kind.Sink   = (*pieces)(nil)
	_ kind.Source = (*pieces)(nil)
)

// Known implements kind.Sink.
func (p *pieces) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	return make([]bool, len(ids)), nil
}

// Put implements kind.Sink.
func (p *pieces) Put(_ context.Context, chunk []byte) (kind.ChunkID, error) {
	id := kind.Sum(chunk)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.content[id] = append([]byte(nil), chunk...)
	return id, nil
}

// Get implements kind.Source.
func (p *pieces) Get(_ context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(buf[:0], p.content[id]...), nil
}

// parseRecords returns the directories of containers' layers by their ids.
func parseRecords(records []byte, dir string) (dirs map[string]string, err error) {
	file, err := os.CreateTemp("", "dogear-records-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.Write(records)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	// Of a torn file bbolt believes what it says.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("it was being written to: %v", fault)
		}
	}()
	db, err := bbolt.Open(file.Name(), 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	dirs = make(map[string]string)
	return dirs, db.View(func(tx *bbolt.Tx) error { return eachSnapshot(tx, dir, dirs) })
}

func eachSnapshot(tx *bbolt.Tx, dir string, dirs map[string]string) error {
	version := tx.Bucket([]byte("v1"))
	if version == nil {
		return nil
	}
	snapshots := version.Bucket([]byte("snapshots"))
	if snapshots == nil {
		return nil
	}
	return snapshots.ForEachBucket(func(key []byte) error {
		name, ours := strings.CutPrefix(string(key), ownNamespace)
		_, container, named := strings.Cut(name, "/")
		id, n := binary.Uvarint(snapshots.Bucket(key).Get([]byte("id")))
		if ours && named && n > 0 {
			dirs[container] = path.Join(dir, "snapshots", strconv.FormatUint(id, 10), "fs")
		}
		return nil
	})
}
