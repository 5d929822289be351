package restore

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"dogear/kind"
)

// vigil starts items and watches over them until they are healthy.
type vigil struct {
	starter
	healthy context.Context // ends when all have to be
	giveUp  context.CancelFunc

	watches sync.WaitGroup
	mu      sync.Mutex        // guards what follows
	ailing  map[kind.ID]error // what is wrong with whom
	lives   map[kind.ID]*life // of those that were started
}

// life is how long there is any use in doing something with what runs in an
// item: until that turns out not to become healthy.
type life struct {
	context.Context
	end context.CancelFunc
}

func newVigil(s starter, healthy context.Context) *vigil {
	v := &vigil{starter: s, ailing: make(map[kind.ID]error), lives: make(map[kind.ID]*life)}
	v.healthy, v.giveUp = context.WithCancel(healthy)
	return v
}

// bring starts levels of items, and returns when it is known of each whether it
// is healthy.
func (v *vigil) bring(ctx context.Context, levels [][]kind.ID) error {
	defer v.rest()
	for _, level := range levels {
		if !v.runInOthers(level) {
			v.watches.Wait()
		}
		err := inParallel(ctx, len(level), level, v.startOne)
		if v.allStarted != nil {
			v.allStarted()
		}
		if err != nil {
			v.giveUp()
			return err
		}
		for _, id := range level {
			v.watch(ctx, id)
		}
	}
	return nil
}

// runInOthers reports whether all that is to be started of some items runs in
// others.
func (v *vigil) runInOthers(ids []kind.ID) bool {
	return !slices.ContainsFunc(ids, func(id kind.ID) bool {
		_, starts := v.desk.drivers[id.Kind].(kind.Starter)
		return starts && v.desk.parts[id].RunsIn.IsZero()
	})
}

// startOne starts an item. What runs in one that does not come up need not be
// there.
func (v *vigil) startOne(ctx context.Context, id kind.ID) error {
	alive := v.life(ctx, v.desk.parts[id].RunsIn)
	err := v.start(alive, id)
	switch {
	case err == nil:
		return nil
	case alive.Err() != nil && ctx.Err() == nil:
		v.note(id, err)
		return nil
	}
	return fmt.Errorf("start %s: %w", id, err)
}

// life returns the life of an item, if it was started here and may end, and
// otherwise ctx.
func (v *vigil) life(ctx context.Context, id kind.ID) context.Context {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l := v.lives[id]; l != nil {
		return l
	}
	return ctx
}

func (v *vigil) note(id kind.ID, problem error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ailing[id] = problem
}

// watch waits for the health of an item, and notes what is wrong with it.
func (v *vigil) watch(ctx context.Context, id kind.ID) {
	checker, ok := v.desk.drivers[id.Kind].(kind.HealthChecker)
	if !ok {
		return
	}
	l := &life{}
	l.Context, l.end = context.WithCancel(ctx)
	v.mu.Lock()
	v.lives[id] = l
	v.mu.Unlock()
	v.watches.Go(func() {
		if err := checker.WaitHealthy(v.healthy, v.desk.ws, v.desk.parts[id].Part, v.desk.source); err != nil {
			v.note(id, err)
			l.end()
		}
	})
}

// rest waits for all watches, and ends all lives.
func (v *vigil) rest() {
	v.watches.Wait()
	v.giveUp()
	for _, l := range v.lives {
		l.end()
	}
}
