package snapshot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
)

// running handles the items of a workspace that run: which there are, in
// which order they may be stopped, and what was done to them so far.
type running struct {
	ws      *kind.Workspace
	drivers map[string]kind.Driver
	items   map[kind.ID]kind.Item
	hosts   map[kind.ID]bool // items in which a server of another item runs
	watches map[kind.ID]bool // items that act on others
	guard   Guard

	mu      sync.Mutex
	frozen  []kind.ID
	stopped []kind.ID // in the order in which they stopped
}

func newRunning(drivers []kind.Driver, ws *kind.Workspace, items []kind.Item, guard Guard) *running {
	r := &running{
		ws: ws, guard: guard,
		drivers: ByKind(drivers),
		items:   make(map[kind.ID]kind.Item, len(items)),
		hosts:   make(map[kind.ID]bool),
		watches: make(map[kind.ID]bool),
	}
	for _, it := range items {
		r.items[it.ID] = it
		if !it.RunsIn.IsZero() {
			r.hosts[it.RunsIn] = true
		}
	}
	return r
}

// ByKind indexes drivers by the name of their kind.
func ByKind(drivers []kind.Driver) map[string]kind.Driver {
	m := make(map[string]kind.Driver, len(drivers))
	for _, d := range drivers {
		m[d.Kind()] = d
	}
	return m
}

func (r *running) freezer(id kind.ID) (kind.Freezer, bool) {
	f, ok := r.drivers[id.Kind].(kind.Freezer)
	return f, ok
}

func (r *running) stopper(id kind.ID) (kind.Stopper, bool) {
	s, ok := r.drivers[id.Kind].(kind.Stopper)
	return s, ok
}

// halts reports whether there is anything that has to be frozen or stopped.
func (r *running) halts() bool {
	for id := range r.items {
		_, freezes := r.freezer(id)
		_, stops := r.stopper(id)
		if freezes || stops {
			return true
		}
	}
	return false
}

// each calls f for all ids at once and waits.
func each(ctx context.Context, ids []kind.ID, f func(context.Context, kind.ID) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, id := range ids {
		g.Go(func() error { return f(ctx, id) })
	}
	return g.Wait()
}

// learnWatchers finds out which items act on others.
func (r *running) learnWatchers(ctx context.Context, ids []kind.ID) error {
	for _, id := range ids {
		driver, ok := r.drivers[id.Kind].(kind.Watchful)
		if !ok {
			continue
		}
		watches, err := driver.Watches(ctx, r.ws, id)
		if err != nil {
			return fmt.Errorf("look at what %s does: %w", id, err)
		}
		r.watches[id] = watches
	}
	return nil
}

// watchers returns those ids that act on others, and the rest.
func (r *running) watchers(ids []kind.ID) (watchers, others []kind.ID) {
	for _, id := range ids {
		if r.watches[id] {
			watchers = append(watchers, id)
		} else {
			others = append(others, id)
		}
	}
	return watchers, others
}

// freezeAll freezes what watches over the rest before the rest.
func (r *running) freezeAll(ctx context.Context, ids []kind.ID) error {
	watchers, others := r.watchers(ids)
	if err := r.freezeEach(ctx, watchers); err != nil {
		return err
	}
	return r.freezeEach(ctx, others)
}

func (r *running) freezeEach(ctx context.Context, ids []kind.ID) error {
	return each(ctx, ids, func(ctx context.Context, id kind.ID) error {
		f, ok := r.freezer(id)
		if !ok {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.guard.WillFreeze(id); err != nil {
			return fmt.Errorf("record the freeze of %s: %w", id, err)
		}
		// Not to be cancelled half-way: what was done would not be known, and
		// so not be undone.
		did, err := f.Freeze(context.WithoutCancel(ctx), r.ws, id)
		if err == nil && !did {
			r.guard.Thawed(id)
			return nil
		}
		// What failed may have frozen it nevertheless: it is thawed with the rest.
		r.mu.Lock()
		r.frozen = append(r.frozen, id)
		r.mu.Unlock()
		if err != nil {
			return fmt.Errorf("freeze %s: %w", id, err)
		}
		return nil
	})
}

// thawAll thaws what was frozen, but for those in keep, whatever happens to
// some of it; what watches over the rest after the rest.
func (r *running) thawAll(ctx context.Context, keep ...kind.ID) error {
	r.mu.Lock()
	var ids, kept []kind.ID
	for _, id := range r.frozen {
		if slices.Contains(keep, id) {
			kept = append(kept, id)
		} else {
			ids = append(ids, id)
		}
	}
	r.frozen = kept
	r.mu.Unlock()
	watchers, others := r.watchers(ids)
	return errors.Join(r.thawEach(ctx, others), r.thawEach(ctx, watchers))
}

func (r *running) thawEach(ctx context.Context, ids []kind.ID) error {
	var wg sync.WaitGroup
	errs := make([]error, len(ids))
	for i, id := range ids {
		wg.Go(func() { errs[i] = r.thaw(ctx, id) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *running) thaw(ctx context.Context, id kind.ID) error {
	f, _ := r.freezer(id)
	if err := f.Thaw(ctx, r.ws, id); err != nil {
		r.mu.Lock()
		r.frozen = append(r.frozen, id)
		r.mu.Unlock()
		return fmt.Errorf("thaw %s: %w", id, err)
	}
	r.guard.Thawed(id)
	return nil
}

// stopAll stops items, each only after all that need it have stopped, and first
// what watches over the rest.
func (r *running) stopAll(ctx context.Context, ids []kind.ID) error {
	watchers, ids := r.watchers(ids)
	if err := each(ctx, watchers, r.stop); err != nil {
		return err
	}
	levels := Levels(ids, func(id kind.ID) []kind.ID { return r.items[id].Needs })
	slices.Reverse(levels)
	for _, level := range levels {
		if err := each(ctx, level, r.stop); err != nil {
			return err
		}
	}
	return nil
}

func (r *running) stop(ctx context.Context, id kind.ID) error {
	s, ok := r.stopper(id)
	if !ok {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.guard.WillStop(id); err != nil {
		return fmt.Errorf("record the stop of %s: %w", id, err)
	}
	// As with Freeze.
	did, err := s.Stop(context.WithoutCancel(ctx), r.ws, id)
	if err != nil {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	if !did {
		r.guard.Resumed(id)
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = append(r.stopped, id)
	return nil
}

// assertStopped makes sure that nobody has started again what was stopped: it
// would have written while it was captured.
func (r *running) assertStopped(ctx context.Context) error {
	return each(ctx, r.stopped, func(ctx context.Context, id kind.ID) error {
		now, err := r.incarnations(ctx, []kind.ID{id})
		if err == nil && now[id] != "" {
			err = fmt.Errorf("%w: %s", errRestarted, id)
		}
		return err
	})
}

// settle stops an item for good.
func (r *running) settle(ctx context.Context, id kind.ID, run string) error {
	s, ok := r.stopper(id)
	if !ok {
		return nil
	}
	if err := r.guard.WillSettle(id, run); err != nil {
		return fmt.Errorf("record the stop of %s: %w", id, err)
	}
	if _, err := s.Stop(context.WithoutCancel(ctx), r.ws, id); err != nil {
		return fmt.Errorf("stop %s: %w", id, err)
	}
	r.guard.Settled(id)
	return nil
}

// resumeAll starts again what was stopped: what is needed first, and what
// hosts a server before what does not.
func (r *running) resumeAll(ctx context.Context) error {
	r.mu.Lock()
	ids := r.stopped
	r.stopped = nil
	r.mu.Unlock()
	var errs []error
	hosts := slices.Collect(maps.Keys(r.hosts))
	for _, level := range StartLevels(ids, hosts, func(id kind.ID) []kind.ID { return r.items[id].Needs }) {
		errs = append(errs, each(ctx, level, r.resume))
	}
	return errors.Join(errs...)
}

func (r *running) resume(ctx context.Context, id kind.ID) error {
	s, _ := r.stopper(id)
	// What somebody has removed meanwhile is not there to be started.
	if err := s.Resume(ctx, r.ws, id); err != nil && !errors.Is(err, kind.ErrGone) {
		return fmt.Errorf("start %s again: %w", id, err)
	}
	r.guard.Resumed(id)
	return nil
}

// split returns those ids that host servers of other items, and the others.
func (r *running) split(ids []kind.ID) (hosts, clients []kind.ID) {
	for _, id := range ids {
		if r.hosts[id] {
			hosts = append(hosts, id)
		} else {
			clients = append(clients, id)
		}
	}
	return hosts, clients
}

// stopsLast returns those ids that stopping would lose.
func (r *running) stopsLast(ctx context.Context, ids []kind.ID) ([]kind.ID, error) {
	var last []kind.ID
	for _, id := range ids {
		s, ok := r.stopper(id)
		if !ok {
			continue
		}
		yes, err := s.StopsLast(ctx, r.ws, id)
		if err != nil {
			return nil, fmt.Errorf("look at the settings of %s: %w", id, err)
		}
		if !yes {
			if yes, err = r.holdsFleeting(ctx, id); err != nil {
				return nil, err
			}
		}
		if yes {
			last = append(last, id)
		}
	}
	return last, nil
}

// holdsFleeting reports whether something lives in an item that stopping it
// would lose.
func (r *running) holdsFleeting(ctx context.Context, host kind.ID) (bool, error) {
	for _, item := range r.items {
		driver, ok := r.drivers[item.ID.Kind].(kind.Fleeting)
		if !ok || item.RunsIn != host {
			continue
		}
		lost, err := driver.LostByStop(ctx, r.ws, item)
		if err != nil {
			return false, fmt.Errorf("look at how %s keeps its state: %w", item.ID, err)
		}
		if lost {
			return true, nil
		}
	}
	return false, nil
}

// incarnations returns what identifies the present run of each item.
func (r *running) incarnations(ctx context.Context, ids []kind.ID) (map[kind.ID]string, error) {
	out := make(map[kind.ID]string, len(ids))
	for _, id := range ids {
		f, ok := r.freezer(id)
		if !ok {
			continue
		}
		inc, err := f.Incarnation(ctx, r.ws, id)
		if err != nil {
			return nil, fmt.Errorf("look at the state of %s: %w", id, err)
		}
		out[id] = inc
	}
	return out, nil
}
