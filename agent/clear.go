package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// clearing is what a pause does after its snapshot is safe.
type clearing struct {
	at   map[kind.ID]string // the state at which each item is left
	left []restore.Cleared  // items that do not have it
}

// planClearing works out which items are left at which state, before anything
// is captured. Each wish is a state for all items that have it, or ITEM=STATE
// for one.
func (a *Agent) planClearing(ctx context.Context, d desk, wishes []string) (*clearing, error) {
	if len(wishes) == 0 {
		return nil, nil
	}
	items, err := snapshot.Find(ctx, a.Drivers, d.kind)
	if err != nil {
		return nil, err
	}
	p := clearingPlan{drivers: snapshot.ByKind(a.Drivers), d: d, clearing: &clearing{at: make(map[kind.ID]string)}}
	p.items = slices.DeleteFunc(items, func(it kind.Item) bool { _, ok := p.drivers[it.ID.Kind].(kind.Clearer); return !ok })
	rest, err := p.named(ctx, wishes)
	if err != nil {
		return nil, err
	}
	if err := p.all(ctx, rest); err != nil {
		return nil, err
	}
	return p.clearing, nil
}

type clearingPlan struct {
	*clearing
	drivers map[string]kind.Driver
	items   []kind.Item // that can be cleared
	d       desk
}

// named takes the wishes that name an item, and returns the others.
func (p *clearingPlan) named(ctx context.Context, wishes []string) (rest []string, err error) {
	for _, wish := range wishes {
		name, at, _ := strings.Cut(wish, "=")
		i := slices.IndexFunc(p.items, func(it kind.Item) bool { return name == it.ID.String() || name == it.ID.Name })
		if at == "" || i < 0 {
			rest = append(rest, wish)
			continue
		}
		if err := p.canClear(ctx, p.items[i], at); err != nil {
			return nil, cannotClear(p.items[i].ID, at, err)
		}
		p.at[p.items[i].ID] = at
	}
	return rest, nil
}

// all takes the wish that is for all other items.
func (p *clearingPlan) all(ctx context.Context, wishes []string) error {
	if len(wishes) == 0 {
		return nil
	}
	if len(wishes) > 1 {
		return p.usage(fmt.Sprintf("--checkout %s and --checkout %s contradict each other", wishes[0], wishes[1]))
	}
	found := false
	for _, it := range p.items {
		if p.at[it.ID] != "" {
			continue
		}
		switch err := p.canClear(ctx, it, wishes[0]); {
		case err == nil:
			p.at[it.ID], found = wishes[0], true
		case errors.Is(err, kind.ErrNoState):
			p.left = append(p.left, restore.Cleared{Part: it.ID, Lines: []string{"left as it is: it has no " + wishes[0]}})
		case errors.Is(err, kind.ErrApart):
			p.left = append(p.left, restore.Cleared{Part: it.ID, Lines: []string{"left as it is: " + err.Error()}})
		default:
			return cannotClear(it.ID, wishes[0], err)
		}
	}
	if !found {
		return p.usage(fmt.Sprintf("no repository has %q", wishes[0]))
	}
	return nil
}

func (p *clearingPlan) canClear(ctx context.Context, it kind.Item, at string) error {
	return p.drivers[it.ID.Kind].(kind.Clearer).CanClear(ctx, p.d.kind, it, at)
}

func (p *clearingPlan) usage(message string) error {
	var names []string
	for _, it := range p.items {
		names = append(names, it.ID.String())
	}
	return &api.Error{
		Code: api.CodeUsage, Message: message, State: "nothing has changed",
		Hint: fmt.Sprintf("name a branch, a tag or a commit, or one for a repository as REPOSITORY=REF; there are %s in %s", strings.Join(names, ", "), p.d.Root),
	}
}

func cannotClear(id kind.ID, at string, err error) error {
	return &api.Error{
		Code: api.CodeUsage, Message: fmt.Sprintf("%s cannot be left at %s: %v", id, at, err),
		State: "nothing has changed", Hint: "name something else with --checkout " + id.Name + "=REF",
	}
}

// clear leaves items clean after a snapshot of them was committed. It is on
// record that all is done before it can no longer be taken back.
func (a *Agent) clear(ctx context.Context, j *job, d desk, g *guard, c *clearing, s snapshot.Snapshot, stopped []kind.ID) ([]restore.Cleared, error) {
	cleared, err := restore.Clearing{
		Drivers: a.Drivers, Workspace: d.kind, Snapshot: s, Stopped: stopped, Operation: snapshot.OpPause, At: c.at,
		Source: a.store, Guard: g, JournalPath: a.journalPath(s.ID, restoreJournal),
		HealthTimeout: a.HealthTimeout, Progress: j.report,
		Done: func() error { return g.done(captureEvent(snapshot.OpPause, s, nil)) },
	}.Run(ctx)
	return append(cleared, c.left...), err
}
