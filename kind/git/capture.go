package git

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"dogear/internal/tree"
	"dogear/kind"
)

const (
	// takeAttempts is how often Take looks for a still moment.
	takeAttempts = 2
	// fixPatience is how long it takes things one after the other then.
	fixPatience = 5 * time.Second
)

// errMoved ends a capture that would not hang together.
var errMoved = errors.New("git changed the repository all the while it was captured; end what is running there and try again")

// capture is one capture of a repository.
type capture struct {
	ws    *kind.Workspace
	item  kind.Item
	gaps  []kind.Gap
	files tree.Capture
	// What Take fixed, as it was read before and after: both mean the same.
	before, state *state
	foreseen      *state // nil: nothing was
}

var _ kind.Foreseer = (*capture)(nil)

// Open begins a capture. It waits a little for a git command that runs.
func (d *Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	dirs, err := gitDirs(item.Root)
	if err != nil {
		return nil, err
	}
	left, err := awaitGit(ctx, item.Root, dirs, d.patience)
	if err != nil {
		return nil, err
	}
	c := &capture{ws: ws, item: item}
	for _, lock := range left {
		c.gaps = append(c.gaps, kind.Gap{Part: item.ID, What: kind.Printable(lock), Why: "a lock of a git command that was killed, or that waits for its user"})
	}
	c.files, err = tree.New(item.Root).Capture(ctx, options(ws, item, dirs), sink)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Prepare reads and stores files while everything is live.
func (c *capture) Prepare(ctx context.Context) error { return c.files.Prepare(ctx) }

// Read implements kind.Gauge.
func (c *capture) Read() int64 { return c.files.Read() }

// Take fixes the tree, and the state that its facts will be read from. No
// freeze stops a git command of the user's, so the state is read before and
// after: if it is the same, the tree in between holds that state.
func (c *capture) Take(ctx context.Context) (err error) {
	for range takeAttempts {
		if c.before, err = readState(c.item.Root); err != nil {
			return err
		}
		if err := c.files.Take(ctx); err != nil {
			return err
		}
		if c.state, err = readState(c.item.Root); err != nil {
			return err
		}
		if c.state.equal(c.before) {
			return nil
		}
	}
	return c.takeMoving(ctx)
}

// takeMoving takes a repository that git never leaves alone: first the state
// files, all as they were at one moment, then the objects. Every object that
// the state names is there by then, and git puts it into another file before
// it removes the one that it is in; so all files of objects are taken that are
// there at any time from now until nothing is new among them.
func (c *capture) takeMoving(ctx context.Context) error {
	fixer, ok := c.files.(tree.Fixer)
	if !ok {
		return errMoved
	}
	fixing, cancel := context.WithTimeoutCause(ctx, fixPatience, errMoved)
	defer cancel()
	dirs := c.state.dirs
	err := fixUntilSame(fixing, fixer, patterns(dirs, stateFiles), false, func() (err error) {
		c.state, err = readState(c.item.Root)
		return err
	})
	if err != nil {
		return err
	}
	c.before = c.state
	if !slices.Equal(dirs, c.state.dirs) {
		return errMoved
	}
	err = fixUntilSame(fixing, fixer, patterns(dirs, []string{"objects"}), true, func() error { return nil })
	if err != nil {
		return err
	}
	return c.files.Take(ctx)
}

// fixUntilSame fixes what the patterns select until it was the same twice.
// between is called in between.
func fixUntilSame(ctx context.Context, fixer tree.Fixer, selected []kind.Pattern, keep bool, between func() error) error {
	for {
		if err := between(); err != nil {
			return err
		}
		same, err := fixer.Fix(ctx, selected, keep)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if same || err != nil {
			return err
		}
	}
}

// Finish stores the tree and returns the part.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	result, err := c.files.Finish(ctx)
	if err != nil {
		return kind.Part{}, err
	}
	if err := c.checkState(result); err != nil {
		return kind.Part{}, err
	}
	outside, err := outsideGaps(ctx, c.ws.Root, c.item, c.state)
	if err != nil {
		return kind.Part{}, err
	}
	part := kind.Part{
		ID: c.item.ID, Needs: c.item.Needs, RunsIn: c.item.RunsIn, Root: c.item.Root,
		Claims: c.item.Claims, Nested: c.item.Nested, Claimed: c.item.Claimed,
		Objects: []kind.Object{result.Manifest}, Held: result.Held, Read: result.BytesRead, Delta: result.Delta,
		Gaps:  append(c.gaps, outside...),
		Facts: allFacts(ctx, c.ws, c.item, c.state, result.Entries),
	}
	part.Crumbs = c.crumbs(ctx, result.Manifest)
	for _, gap := range result.Gaps {
		gap.Part = c.item.ID
		part.Gaps = append(part.Gaps, gap)
	}
	return part, nil
}

// Foresee implements kind.Foreseer. A repository in which git is at work cannot
// be foreseen.
func (c *capture) Foresee(ctx context.Context) (kind.Part, bool, error) {
	state, err := readState(c.item.Root)
	if err != nil {
		return kind.Part{}, false, err
	}
	c.before, c.state = state, state
	part, err := c.Finish(ctx)
	if errors.Is(err, errMoved) {
		return part, false, nil
	}
	c.foreseen = state
	return part, err == nil, err
}

// CameTrue implements kind.Foreseer.
func (c *capture) CameTrue() (kind.Interval, bool) {
	if c.foreseen == nil || !c.state.equal(c.foreseen) {
		return kind.Interval{}, false
	}
	return tree.CameTrue(c.files)
}

// checkState makes sure that the facts are made of the very bytes that were
// captured, or of an index with the same meaning.
func (c *capture) checkState(result tree.Result) error {
	wanted := patterns(c.state.dirs, stateFiles)
	captured := 0
	for e, err := range result.Entries {
		if err != nil {
			return err
		}
		if e.Type != tree.Regular || e.Unread || !kind.MatchAny(wanted, e.Path) {
			continue
		}
		if !c.state.holds(e) && !c.before.holds(e) {
			return fmt.Errorf("%s: %w", kind.Printable(e.Path), errMoved)
		}
		captured++
	}
	if captured != c.state.regular() {
		return errMoved
	}
	return nil
}

// holds reports whether a captured file is the one that the state was read
// from.
func (s *state) holds(e tree.Entry) bool {
	entry, ok := s.files[e.Path]
	return ok && sha256.Sum256(entry.content) == e.Digest
}

// Close releases everything.
func (c *capture) Close() error { return c.files.Close() }
