package docker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"

	"github.com/docker/docker/api/types/mount"

	"dogear/internal/tree"
	"dogear/kind"
)

// volumePlace is where a courier mounts the one volume that it sees.
const volumePlace = "/volume"

// VolumeTree gives access to the content of a volume: in the engine's data
// directory if it is there, else as a container sees it that mounts it by
// name. The latter is the only way to what driver options or a mount of its
// own put elsewhere: the data directory looks empty there.
func (e *Engine) VolumeTree(ctx context.Context, v *Volume) (tree.Tree, error) {
	if v.isPlain() && e.Local() && (e.readsItself(v.Mountpoint) || e.requireReach(e.DataRoot(), v.Mountpoint) == nil) {
		return e.Tree(ctx, v.Mountpoint)
	}
	return &volumeTree{engine: e, volume: v.Name}, nil
}

// volumeTree mounts its volume only as long as it is at work: mounted, a
// volume cannot be removed, and what it stands for (a share, a disk) neither.
type volumeTree struct {
	engine *Engine
	volume string
}

// open starts a courier that mounts the volume. The caller removes it.
func (t *volumeTree) open(ctx context.Context) (tree.Tree, *courierContainer, error) {
	c, err := t.engine.launch(ctx, mount.Mount{
		Type: mount.TypeVolume, Source: t.volume, Target: volumePlace,
		VolumeOptions: &mount.VolumeOptions{NoCopy: true},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("start a courier that mounts it: %w", withoutPasswords(err))
	}
	return c.client.Tree(volumePlace), c, nil
}

// passwords are how mount options name secrets.
var passwords = regexp.MustCompile(`(?i)(pass(?:word|wd)?2?=)[^,:\s]*`)

// withoutPasswords hides what the engine repeats of the options that it could
// not mount with.
func withoutPasswords(err error) error {
	text := err.Error()
	if hidden := passwords.ReplaceAllString(text, "${1}…"); hidden != text {
		return errors.New(hidden)
	}
	return err
}

// Entries implements tree.Tree.
func (t *volumeTree) Entries(ctx context.Context, opts tree.Options) iter.Seq2[tree.Entry, error] {
	return func(yield func(tree.Entry, error) bool) {
		files, courier, err := t.open(ctx)
		if err != nil {
			yield(tree.Entry{}, err)
			return
		}
		more := true
		for entry, err := range files.Entries(ctx, opts) {
			if more = yield(entry, err); !more {
				break
			}
		}
		if err := courier.remove(); err != nil && more {
			yield(tree.Entry{}, err)
		}
	}
}

// Compare implements tree.Tree.
func (t *volumeTree) Compare(ctx context.Context, opts tree.Options, manifest kind.Object, source kind.Source) (tree.Changes, error) {
	files, courier, err := t.open(ctx)
	if err != nil {
		return tree.Changes{}, err
	}
	changes, err := files.Compare(ctx, opts, manifest, source)
	return changes, errors.Join(err, courier.remove())
}

// Apply implements tree.Tree.
func (t *volumeTree) Apply(ctx context.Context, opts tree.Options, manifest kind.Object, source kind.Source) (tree.Changes, error) {
	files, courier, err := t.open(ctx)
	if err != nil {
		return tree.Changes{}, err
	}
	changes, err := files.Apply(ctx, opts, manifest, source)
	return changes, errors.Join(err, courier.remove())
}

// Search implements tree.Tree.
func (t *volumeTree) Search(ctx context.Context, search tree.Search) ([]tree.Sighting, error) {
	files, courier, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	found, err := files.Search(ctx, search)
	return found, errors.Join(err, courier.remove())
}

// Capture implements tree.Tree.
func (t *volumeTree) Capture(ctx context.Context, opts tree.Options, sink kind.Sink) (tree.Capture, error) {
	files, courier, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	capture, err := files.Capture(ctx, opts, sink)
	if err != nil {
		return nil, errors.Join(err, courier.remove())
	}
	return &volumeCapture{Capture: capture, courier: courier}, nil
}

// volumeCapture ends its courier with itself.
type volumeCapture struct {
	tree.Capture
	courier *courierContainer
}

// Close implements tree.Capture.
func (c *volumeCapture) Close() error { return errors.Join(c.Capture.Close(), c.courier.remove()) }
