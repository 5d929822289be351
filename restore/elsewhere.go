package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"dogear/kind"
	"dogear/snapshot"
)

// Elsewhere restores a snapshot in another directory, beside the workspace:
// what has its bytes in directories. Nothing that runs is touched, and nothing
// outside of that directory.
type Elsewhere struct {
	Drivers []kind.Driver
	// Workspace is the one at the new place. Its root is not there yet, or
	// empty.
	Workspace *kind.Workspace
	Target    snapshot.Snapshot
	Select    Selection
	Source    kind.Source
	Now       func() time.Time
	NewID     func() snapshot.ID
	Progress  func(stage string)
}

// ErrOccupied says that there is something where a copy is to go, ErrNothing that
// nothing that was selected can be copied.
var (
	ErrOccupied = errors.New("it is there already, and not empty")
	ErrNothing  = errors.New("nothing of what was selected can be restored elsewhere: only repositories and files can, and the databases in them")
)

// Run restores the copy and proves it. If that fails nothing is left of it.
func (e Elsewhere) Run(ctx context.Context) (_ snapshot.Receipt, err error) {
	made, err := e.makeRoom()
	if err != nil {
		return snapshot.Receipt{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.clearAway(made))
		}
	}()
	c := &copying{Elsewhere: e, overlay: &overlay{packed: packed{e.Source}, chunks: make(map[kind.ChunkID][]byte)}}
	if err := c.relocate(ctx); err != nil {
		return snapshot.Receipt{}, err
	}
	if len(c.parts) == 0 {
		return snapshot.Receipt{}, ErrNothing
	}
	return c.run(ctx)
}

// makeRoom makes the directory, and reports whether it was not there.
func (e Elsewhere) makeRoom() (made bool, err error) {
	entries, err := os.ReadDir(e.Workspace.Root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, os.MkdirAll(e.Workspace.Root, 0o700)
	case err != nil:
		return false, err
	case len(entries) > 0:
		return false, fmt.Errorf("%s: %w", e.Workspace.Root, ErrOccupied)
	}
	return false, nil
}

// clearAway removes what was restored into a directory that was empty.
func (e Elsewhere) clearAway(made bool) error {
	if made {
		return os.RemoveAll(e.Workspace.Root)
	}
	entries, err := os.ReadDir(e.Workspace.Root)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(e.Workspace.Root, entry.Name())))
	}
	return err
}

// copying is an Elsewhere on its way.
type copying struct {
	Elsewhere
	overlay *overlay
	parts   []snapshot.Part
	excuses map[kind.ID]func(string) bool
	gaps    []kind.Gap
}

// relocate works out the parts as they have to be at the new place.
func (c *copying) relocate(ctx context.Context) error {
	drivers := snapshot.ByKind(c.Drivers)
	c.excuses = make(map[kind.ID]func(string) bool)
	from, to := c.Target.Workspace.Root, c.Workspace.Root
	for _, p := range c.Select.Parts(&c.Target) {
		r, ok := drivers[p.ID.Kind].(kind.Relocator)
		switch {
		case !ok && c.comesAlong(drivers, p):
			c.parts = append(c.parts, p)
			continue
		case !ok:
			c.gaps = append(c.gaps, kind.Gap{Part: p.ID, What: "all of it", Why: "it can be restored in its place only"})
			continue
		}
		moved, err := r.Relocate(ctx, p.Part, c.overlay, c.overlay, from, to)
		if err != nil {
			return fmt.Errorf("relocate %s: %w", p.ID, err)
		}
		for _, gap := range moved.Gaps {
			gap.Part = p.ID
			c.gaps = append(c.gaps, gap)
		}
		if moved.Part.ID.IsZero() {
			continue
		}
		p.Part, c.excuses[p.ID] = moved.Part, moved.Excuses
		c.parts = append(c.parts, p)
	}
	return nil
}

// comesAlong reports whether a part has its bytes in the trees of others that
// are copied: it is compared, and nothing of it restored.
func (c *copying) comesAlong(drivers map[string]kind.Driver, p snapshot.Part) bool {
	_, resting := drivers[p.ID.Kind].(kind.Resting)
	return !resting && len(p.Claims) > 0 && !slices.ContainsFunc(p.Claims, func(claim kind.Claim) bool {
		_, ok := drivers[claim.On.Kind].(kind.Relocator)
		return !ok
	})
}

func (c *copying) target() target {
	return target{ID: c.Target.ID, Parts: c.parts, concerns: func(kind.ID) bool { return false }}
}

func (c *copying) run(ctx context.Context) (snapshot.Receipt, error) {
	began := c.Now()
	d, err := look(ctx, c.Drivers, c.Workspace, c.target(), c.overlay)
	if err != nil {
		return snapshot.Receipt{}, err
	}
	if err := d.hasRoom(ctx, func(s string) string { return s }); err != nil {
		return snapshot.Receipt{}, err
	}
	c.Progress("restoring")
	for _, id := range slices.Concat(d.levels()...) {
		if d.spokenForElsewhere(d.parts[id]) {
			continue
		}
		if err := d.drivers[id.Kind].Restore(ctx, c.Workspace, d.parts[id].Part, c.overlay); err != nil {
			return snapshot.Receipt{}, fmt.Errorf("restore %s: %w", id, err)
		}
	}
	c.Progress("comparing every byte")
	if d, err = look(ctx, c.Drivers, c.Workspace, c.target(), c.overlay); err != nil {
		return snapshot.Receipt{}, err
	}
	atRest, err := d.collect(ctx, d.compareRest)
	if err != nil {
		return snapshot.Receipt{}, err
	}
	for _, id := range slices.Concat(d.levels()...) {
		if s, ok := d.drivers[id.Kind].(kind.Starter); ok {
			if err := s.Start(ctx, c.Workspace, d.parts[id].Part, c.overlay); err != nil {
				return snapshot.Receipt{}, fmt.Errorf("start %s: %w", id, err)
			}
		}
	}
	return c.prove(ctx, atRest, began)
}

// prove compares every fact, but for those that have to differ.
func (c *copying) prove(ctx context.Context, atRest Report, began time.Time) (snapshot.Receipt, error) {
	c.Progress("comparing every fact")
	d, err := look(ctx, c.Drivers, c.Workspace, c.target(), c.overlay)
	if err != nil {
		return snapshot.Receipt{}, err
	}
	running, err := d.verify(ctx)
	if err != nil {
		return snapshot.Receipt{}, err
	}
	running.Differences = slices.DeleteFunc(running.Differences, func(diff snapshot.Difference) bool {
		excuses := c.excuses[diff.Part]
		return excuses != nil && excuses(diff.Fact)
	})
	receipt := snapshot.Receipt{
		ID: string(c.NewID()), Snapshot: c.Target.ID, Workspace: snapshot.WorkspaceAt(c.Workspace.Root), Created: c.Now(),
		Differences:   append(atRest.Differences, running.Differences...),
		NotComparable: slices.Concat(c.gaps, atRest.NotComparable, running.NotComparable),
		Want:          c.target().state(), Have: running.State,
		Timings: snapshot.RestoreTimings{TotalMS: c.Now().Sub(began).Milliseconds()},
	}
	for _, p := range c.parts {
		receipt.Parts = append(receipt.Parts, snapshot.PartReceipt{
			Part: p.ID, Method: string(kind.ActionCreate), Read: "read", AtRest: verdict(atRest, p.ID), Running: verdict(running, p.ID),
		})
	}
	receipt.Identical = len(receipt.Differences) == 0
	return neverNil(receipt), nil
}

// overlay is a source with some more content, which is kept in memory.
type overlay struct {
	packed
	mu     sync.Mutex
	chunks map[kind.ChunkID][]byte // guarded by mu
}

var _ kind.Sink = (*overlay)(nil)

// Known says that everything has to be put.
func (*overlay) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	return make([]bool, len(ids)), nil
}

// Put keeps a chunk.
func (o *overlay) Put(_ context.Context, content []byte) (kind.ChunkID, error) {
	id := kind.Sum(content)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.chunks[id] = slices.Clone(content)
	return id, nil
}

// Get returns what was put, and otherwise what the source has.
func (o *overlay) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	o.mu.Lock()
	content, ok := o.chunks[id]
	o.mu.Unlock()
	if ok {
		return append(buf[:0], content...), nil
	}
	return o.Source.Get(ctx, id, buf)
}
