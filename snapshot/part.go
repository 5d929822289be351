package snapshot

import (
	"context"
	"fmt"
	"time"

	"dogear/kind"
)

// finish stores the rest of a capture, its facts, and the list of all chunks
// that it reaches.
func (r *round) finish(ctx context.Context, c *capture) error {
	if c.done = c.cameTrue(); c.done {
		return nil
	}
	part, err := c.Finish(ctx)
	if err != nil {
		return err
	}
	c.part, err = r.store(ctx, c, part)
	c.done = err == nil
	return err
}

func (r *round) store(ctx context.Context, c *capture, part kind.Part) (Part, error) {
	return storePart(ctx, c.sink, WorkspaceAt(r.req.Workspace.Root).ID, c.item, part)
}

func storePart(ctx context.Context, sink PartSink, workspace string, item kind.Item, part kind.Part) (Part, error) {
	facts, err := StoreFacts(ctx, sink, part.Facts)
	if err != nil {
		return Part{}, fmt.Errorf("store facts: %w", err)
	}
	reach, err := sink.PutReach(ctx, workspace, item.ID)
	if err != nil {
		return Part{}, fmt.Errorf("store the list of chunks: %w", err)
	}
	part.Facts = nil
	part.ID = item.ID
	part.Needs, part.RunsIn, part.Claims = item.Needs, item.RunsIn, item.Claims
	part.Root, part.Nested, part.Claimed = item.Root, item.Nested, item.Claimed
	return Part{Part: part, Facts: facts, Reach: reach}, nil
}

// snapshot puts the parts together.
func (r *round) snapshot() Snapshot {
	s := Snapshot{
		Workspace:   WorkspaceAt(r.req.Workspace.Root),
		Instant:     r.instant(),
		Consistency: Stopped,
		NotCaptured: []kind.Gap{},
		Parts:       []Part{},
	}
	digests := make(map[kind.ID]Digest, len(r.captures))
	for _, c := range r.captures {
		c.part.Consistency = r.consistency(c, s.Instant)
		s.Consistency = weakest(s.Consistency, c.part.Consistency)
		s.Bytes.Read += c.part.Read
		s.Delta = s.Delta.Plus(c.part.Delta)
		for _, g := range c.part.Gaps {
			g.Part = c.item.ID
			s.NotCaptured = append(s.NotCaptured, g)
		}
		s.Parts = append(s.Parts, c.part)
		digests[c.item.ID] = c.part.Facts.Digest
	}
	for _, n := range r.beside {
		s.NotCaptured = append(s.NotCaptured, kind.Gap{Part: n.ID, What: "all of it", Why: n.Why})
	}
	for _, d := range r.req.Drivers {
		if e, ok := d.(kind.Expectant); ok {
			s.NotCaptured = append(s.NotCaptured, e.Absent(r.req.Workspace)...)
		}
	}
	s.State = StateDigest(digests)
	s.Bytes.Added = r.req.Session.Added()
	s.Bytes.Streamed = r.req.Workspace.Traffic.Captured()
	s.Timings.FreezeMS = r.freeze.To.Sub(r.freeze.From).Round(time.Millisecond).Milliseconds()
	return s
}
