package restore

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
	"dogear/snapshot"
)

// vigil starts items and watches over them until they are healthy.
type vigil struct {
	starter
	healthy context.Context // ends when all have to be
	giveUp  context.CancelFunc

	watches sync.WaitGroup
	gates   map[kind.ID]*gate // of those that are to be started
	mu      sync.Mutex        // guards what follows, and allStarted
	ailing  map[kind.ID]error // what is wrong with whom
	lives   map[kind.ID]*life // of those that were started
}

// gate opens for what comes after an item.
type gate struct {
	started chan struct{}      // closed once it was started
	ready   context.Context    // ends once it does its work, or will not
	open    context.CancelFunc // ends it
}

// life is how long there is any use in doing something with what runs in an
// item: until that turns out not to become healthy.
type life struct {
	context.Context
	end context.CancelFunc
}

func newVigil(s starter, healthy context.Context) *vigil {
	v := &vigil{
		starter: s, gates: make(map[kind.ID]*gate), ailing: make(map[kind.ID]error), lives: make(map[kind.ID]*life),
	}
	v.healthy, v.giveUp = context.WithCancel(healthy)
	return v
}

// bring starts items, each as soon as what it comes after does its work, and
// returns when it is known of each whether it is healthy.
func (v *vigil) bring(ctx context.Context, turns []snapshot.Turn) error {
	defer v.rest()
	for _, t := range turns {
		g := &gate{started: make(chan struct{})}
		g.ready, g.open = context.WithCancel(v.healthy)
		v.gates[t.ID] = g
	}
	g, starting := errgroup.WithContext(ctx)
	for _, t := range turns {
		g.Go(func() error {
			if err := v.await(starting, t); err != nil {
				return err
			}
			if err := v.startOne(starting, t.ID); err != nil {
				return err
			}
			v.watch(ctx, t.ID)
			return nil
		})
	}
	err := g.Wait()
	if err != nil {
		v.giveUp()
	}
	return err
}

// await waits for what an item comes after. What runs in another waits by itself
// until that can be asked.
func (v *vigil) await(ctx context.Context, t snapshot.Turn) error {
	for _, id := range t.After {
		g := v.gates[id]
		if g == nil {
			continue // it was started before
		}
		opened := g.ready.Done()
		if id == v.desk.parts[t.ID].RunsIn {
			opened = g.started
		}
		select {
		case <-ctx.Done():
		case <-opened:
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// startOne starts an item, if it is one that starts. What runs in one that does
// not come up need not be there.
func (v *vigil) startOne(ctx context.Context, id kind.ID) error {
	if !v.starts(id) {
		return nil
	}
	alive := v.life(ctx, v.desk.parts[id].RunsIn)
	err := v.start(alive, id)
	switch {
	case err == nil:
		v.noteStart()
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

func (v *vigil) noteStart() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.allStarted != nil {
		v.allStarted()
	}
}

func (v *vigil) note(id kind.ID, problem error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ailing[id] = problem
}

// watch opens the gate of an item that was started, waits for its health, and
// notes what is wrong with it.
func (v *vigil) watch(ctx context.Context, id kind.ID) {
	gate, part := v.gates[id], v.desk.parts[id].Part
	defer close(gate.started)
	checker, ok := v.desk.drivers[id.Kind].(kind.HealthChecker)
	if !ok {
		gate.open()
		return
	}
	l := &life{}
	l.Context, l.end = context.WithCancel(ctx)
	v.mu.Lock()
	v.lives[id] = l
	v.mu.Unlock()
	v.watches.Go(func() {
		defer gate.open()
		if err := checker.WaitHealthy(v.healthy, v.desk.ws, part, v.desk.source); err != nil {
			v.note(id, err)
			l.end()
		}
	})
	// It may be seen to do its work long before it is called healthy.
	if prober, ok := checker.(kind.Prober); ok {
		v.watches.Go(func() {
			if prober.Probe(gate.ready, v.desk.ws, part, v.desk.source) == nil {
				gate.open()
			}
		})
	}
}

// rest waits for all watches, and ends all lives.
func (v *vigil) rest() {
	v.watches.Wait()
	v.giveUp()
	for _, l := range v.lives {
		l.end()
	}
}
