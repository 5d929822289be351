package files

import (
	"context"

	"dogear/internal/tree"
	"dogear/kind"
)

// capture is one capture of the tree. The tree engine does all the work.
type capture struct {
	tree.Capture
	ws   *kind.Workspace
	item kind.Item
}

// Open begins a capture.
func (*Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	c, err := tree.New(item.Root).Capture(ctx, options(ws, item), sink)
	if err != nil {
		return nil, err
	}
	return &capture{Capture: c, ws: ws, item: item}, nil
}

var _ kind.Foreseer = (*capture)(nil)

// Foresee implements kind.Foreseer.
func (c *capture) Foresee(ctx context.Context) (kind.Part, bool, error) {
	part, err := c.Finish(ctx)
	return part, true, err
}

// CameTrue implements kind.Foreseer.
func (c *capture) CameTrue() (kind.Interval, bool) { return tree.CameTrue(c.Capture) }

// Finish stores the tree and returns the part.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	result, err := c.Capture.Finish(ctx)
	if err != nil {
		return kind.Part{}, err
	}
	for i := range result.Gaps {
		result.Gaps[i].Part = c.item.ID
	}
	return kind.Part{
		ID: c.item.ID, Needs: c.item.Needs, RunsIn: c.item.RunsIn, Root: c.item.Root,
		Claims: c.item.Claims, Nested: c.item.Nested, Claimed: c.item.Claimed,
		Objects: []kind.Object{result.Manifest}, Held: result.Held, Read: result.BytesRead, Delta: result.Delta, Gaps: result.Gaps,
		Facts: tree.Facts(result.Entries, "", compared(c.ws, c.item)),
	}, nil
}
