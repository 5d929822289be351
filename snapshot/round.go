package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
)

// How many captures work at once: the heavy phases are bound by the cores,
// the frozen one by waiting.
const (
	heavyWorkers  = 2
	frozenWorkers = 8
)

// round is one attempt at a snapshot.
type round struct {
	req      Request
	running  *running
	captures []*capture
	waiting  []kind.ID // in the stop set, but stopped only after the commit
	beside   []kind.Neighbour

	runs   map[kind.ID]string // what identifies the runs that are captured frozen
	window kind.Interval      // everything was frozen or stopped
	freeze kind.Interval      // first freeze to last thaw
}

// capture is the capture of one item in a round.
type capture struct {
	kind.Capture
	item  kind.Item
	sink  PartSink
	asked kind.Interval // when Take was called and returned
	done  bool
	part  Part

	foreseen *Part // what it will be if nothing changes; nil: nobody knows
}

func newRound(req Request, items []kind.Item) *round {
	r := &round{req: req, running: newRunning(req.Drivers, req.Workspace, items, req.Guard)}
	for _, it := range items {
		r.captures = append(r.captures, &capture{item: it})
	}
	return r
}

// run follows the protocol: prepare live; stop what is to be stopped and
// freeze the rest, servers last, so that their transactions can be opened
// when all that writes to them has ceased; take; thaw; finish.
func (r *round) run(ctx context.Context) error {
	if err := r.lookBeside(ctx); err != nil {
		return err
	}
	if err := r.running.learnWatchers(ctx, r.ids()); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.stop(ctx); err != nil {
		return err
	}
	if err := r.takeFrozen(ctx); err != nil {
		return err
	}
	r.req.progress("storing")
	return r.every(ctx, heavyWorkers, r.pending(), r.finish)
}

// lookBeside looks for what is frozen with the workspace and not of it.
func (r *round) lookBeside(ctx context.Context) error {
	for _, driver := range r.req.Drivers {
		d, ok := driver.(kind.Neighbourly)
		if !ok {
			continue
		}
		neighbours, err := d.Neighbours(ctx, r.req.Workspace)
		if err != nil {
			return fmt.Errorf("look for what runs beside the workspace: %w", err)
		}
		r.beside = append(r.beside, neighbours...)
	}
	return nil
}

// ids lists what is of the workspace, and what runs beside it.
func (r *round) ids() []kind.ID {
	var ids []kind.ID
	for _, c := range r.captures {
		ids = append(ids, c.item.ID)
	}
	for _, n := range r.beside {
		ids = append(ids, n.ID)
	}
	return ids
}

func (r *round) open(ctx context.Context) error {
	return r.every(ctx, heavyWorkers, r.captures, func(ctx context.Context, c *capture) (err error) {
		c.sink = r.req.Session.Sink()
		c.Capture, err = r.running.drivers[c.item.ID.Kind].Open(ctx, r.req.Workspace, c.item, c.sink)
		return err
	})
}

func (r *round) prepare(ctx context.Context) error {
	r.req.progress("reading while everything runs")
	return r.every(ctx, heavyWorkers, r.captures, func(ctx context.Context, c *capture) error {
		p, ok := c.Capture.(kind.Preparer)
		if !ok {
			return nil
		}
		if err := p.Prepare(ctx); err != nil {
			return err
		}
		if err := r.prepareAgain(ctx, c.Capture); err != nil {
			return err
		}
		return r.foresee(ctx, c)
	})
}

// anotherPass is how much a pass has to read before it is worth another one:
// less is read in no time when everything waits.
const anotherPass = 16 << 20

// prepareAgain makes further passes until the last one read little, or more
// than half of what the one before it did: then somebody writes as fast as we
// read. Where nothing has to wait for the last pass, one is enough.
func (r *round) prepareAgain(ctx context.Context, c kind.Capture) error {
	g, ok := c.(kind.Gauge)
	if !ok || !r.running.halts() {
		return nil
	}
	for total, last := g.Read(), g.Read(); last >= anotherPass; {
		if err := g.Prepare(ctx); err != nil {
			return err
		}
		pass := g.Read() - total
		if pass > last/2 {
			return nil
		}
		total, last = g.Read(), pass
	}
	return nil
}

// stop stops the stop set: first what hosts no server, then, with the
// servers' own state captured, what does.
func (r *round) stop(ctx context.Context) error {
	var ids []kind.ID
	for _, c := range r.captures {
		if _, ok := r.running.stopper(c.item.ID); ok && r.req.stops(c.item.ID) {
			ids = append(ids, c.item.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	r.req.progress("stopping")
	last, err := r.running.stopsLast(ctx, ids)
	if err != nil {
		return err
	}
	r.waiting = last
	hosts, clients := r.running.split(slices.DeleteFunc(ids, func(id kind.ID) bool { return slices.Contains(last, id) }))
	if err := r.running.stopAll(ctx, clients); err != nil {
		return err
	}
	lastHosts, lastClients := r.running.split(last)
	if err := r.running.freezeAll(ctx, lastClients); err != nil {
		return err
	}
	if err := r.captureServers(ctx, append(lastHosts, hosts...)); err != nil {
		return err
	}
	if err := r.running.freezeAll(ctx, lastHosts); err != nil {
		return err
	}
	return r.running.stopAll(ctx, hosts)
}

// captureServers captures the items that run in the given containers, which
// are about to stop.
func (r *round) captureServers(ctx context.Context, hosts []kind.ID) error {
	var inside []*capture
	for _, c := range r.captures {
		if slices.Contains(hosts, c.item.RunsIn) {
			inside = append(inside, c)
		}
	}
	if err := r.every(ctx, frozenWorkers, inside, hold); err != nil {
		return err
	}
	if err := r.every(ctx, frozenWorkers, inside, r.take); err != nil {
		return err
	}
	return r.every(ctx, heavyWorkers, inside, r.finish)
}

// takeFrozen freezes what still runs, takes the state of everything, makes
// sure that nobody restarted anything meanwhile, and thaws.
func (r *round) takeFrozen(ctx context.Context) error {
	var ids []kind.ID
	for _, c := range r.captures {
		if _, ok := r.running.freezer(c.item.ID); ok && !r.req.stops(c.item.ID) {
			ids = append(ids, c.item.ID)
		}
	}
	for _, n := range r.beside {
		ids = append(ids, n.ID)
	}
	r.req.progress("taking")
	hosts, clients := r.running.split(ids)
	r.freeze.From = r.req.Now()
	if err := r.running.freezeAll(ctx, clients); err != nil {
		return err
	}
	if err := r.every(ctx, frozenWorkers, r.pending(), hold); err != nil {
		return err
	}
	if err := r.running.freezeAll(ctx, hosts); err != nil {
		return err
	}
	frozen := append(slices.Clone(r.running.frozen), r.waiting...)
	if err := r.takeAll(ctx, frozen); err != nil {
		return err
	}
	if err := r.running.thawAll(ctx, r.waiting...); err != nil {
		return err
	}
	r.freeze.To = r.req.Now()
	if len(frozen) == 0 {
		r.freeze = kind.Interval{}
	}
	return nil
}

func (r *round) takeAll(ctx context.Context, frozen []kind.ID) error {
	before, err := r.running.incarnations(ctx, frozen)
	if err != nil {
		return err
	}
	r.runs = before
	r.window.From = r.req.Now()
	if err := r.every(ctx, frozenWorkers, r.pending(), r.take); err != nil {
		return err
	}
	r.window.To = r.req.Now()
	if err := r.running.assertStopped(ctx); err != nil {
		return err
	}
	after, err := r.running.incarnations(ctx, frozen)
	if err != nil {
		return err
	}
	for id, inc := range before {
		if after[id] != inc {
			return fmt.Errorf("%w: %s", errRestarted, id)
		}
	}
	return nil
}

// pending lists the captures that are not finished.
func (r *round) pending() []*capture {
	var out []*capture
	for _, c := range r.captures {
		if !c.done {
			out = append(out, c)
		}
	}
	return out
}

func hold(ctx context.Context, c *capture) error {
	if h, ok := c.Capture.(kind.Holder); ok {
		return h.Hold(ctx)
	}
	return nil
}

func (r *round) take(ctx context.Context, c *capture) error {
	c.asked.From = r.req.Now()
	err := c.Take(ctx)
	c.asked.To = r.req.Now()
	return err
}

// every runs f for captures, at most n at once, and adds the item to errors.
func (r *round) every(ctx context.Context, n int, captures []*capture, f func(context.Context, *capture) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(n)
	for _, c := range captures {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.item.ID, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// close releases every capture.
func (r *round) close() error {
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for _, c := range r.captures {
		if c.Capture == nil {
			continue
		}
		wg.Go(func() {
			if err := c.Close(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: close: %w", c.item.ID, err))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
