package restore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
)

const (
	checkers = 4
	// checkAtOnce is how many chunks one checker reads: neighbours, which the
	// store keeps together.
	checkAtOnce = 64
)

// needed is a chunk that a step needs.
type needed struct {
	part   kind.ID
	chunk  kind.ChunkID
	pieces []kind.Piece // those that are needed of it; none: all
}

// checkContent reads every chunk that the plan needs; the source checks each
// against its id, before anything is touched. What is needed of them is kept at
// hand as far as there is room. Where there is nothing yet that could be
// touched, or all is loaded beside what is live, it is enough that they are checked as they are written: what was made
// until then is taken away again.
func (r *run) checkContent(ctx context.Context) error {
	if r.plan.fresh() || r.loadsBeside() {
		return nil
	}
	stage := newStage(r.req.Source, filepath.Dir(r.req.JournalPath))
	r.stage = stage
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(checkers)
	for some := range slices.Chunk(r.plan.needs(), checkAtOnce) {
		group.Go(func() error { return r.checkSome(ctx, some) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	r.req.Source, r.desk.source = stage, stage
	return nil
}

func (r *run) checkSome(ctx context.Context, some []needed) error {
	var buf []byte
	for _, n := range some {
		content, err := r.req.Source.Get(ctx, n.chunk, buf)
		if err != nil {
			return fmt.Errorf("%s: content needed from snapshot %s: %w", n.part, r.plan.Target, err)
		}
		r.stage.keep(n, content)
		buf = content[:0]
	}
	return nil
}

// loadsBeside reports whether all that the plan does is to load one item beside
// the live one and to exchange them: content that is not good ends that before.
func (r *run) loadsBeside() bool {
	var touched []kind.ID
	for _, s := range r.plan.Steps {
		if s.touches() {
			touched = append(touched, s.Part)
		}
	}
	return len(touched) == 1 && r.desk.exchanges(touched[0]) && len(r.plan.Quiet) == 0
}

// fresh reports whether nothing is there yet of all that the plan is about.
func (p *Plan) fresh() bool {
	there := func(s Step) bool { return s.Action != kind.ActionVerify && !s.Fresh }
	return len(p.Quiet) == 0 && !slices.ContainsFunc(p.Steps, there)
}

// needs returns the chunks of all steps, each once.
func (p *Plan) needs() []needed {
	at := make(map[kind.ChunkID]int)
	var all []needed
	for _, s := range p.Steps {
		for _, id := range s.Chunks {
			if _, known := at[id]; !known {
				at[id] = len(all)
				all = append(all, needed{part: s.Part, chunk: id})
			}
		}
	}
	for _, s := range p.Steps {
		for _, piece := range s.Pieces {
			if i, known := at[piece.Chunk]; known {
				all[i].pieces = append(all[i].pieces, piece)
			}
		}
	}
	return all
}
