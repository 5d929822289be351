package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// selector is one pattern of --only or --except: kind/name, or kind/name:inside.
type selector struct {
	pattern string
	inside  string // "": all of it
}

func (s selector) selects(id kind.ID) bool {
	return s.pattern == id.String() || kind.Pattern(s.pattern).Match(id.String())
}

// selection makes one of --only and --except. Each pattern has to mean
// something in the snapshot.
func (a *Agent) selection(ctx context.Context, target *snapshot.Snapshot, only, except []string) (restore.Selection, error) {
	drivers := snapshot.ByKind(a.Drivers)
	selected, err := a.selectors(ctx, drivers, target, only)
	if err != nil {
		return restore.Selection{}, err
	}
	left, err := a.selectors(ctx, drivers, target, except)
	if err != nil {
		return restore.Selection{}, err
	}
	for _, s := range left {
		if s.inside != "" {
			return restore.Selection{}, badSelector(fmt.Sprintf("%s:%s: only whole items can be left out", s.pattern, s.inside), "name what is to be restored with --only")
		}
	}
	return selectionOf(drivers, selected, left), nil
}

// selectionAgain is that of an operation that is undone. What it made is not
// in the snapshot.
func (a *Agent) selectionAgain(target *snapshot.Snapshot, e snapshot.Event) restore.Selection {
	drivers := snapshot.ByKind(a.Drivers)
	read := func(texts []string) []selector {
		var all []selector
		for _, text := range texts {
			all = append(all, split(drivers, target, text))
		}
		return all
	}
	return selectionOf(drivers, read(e.Only), read(e.Except))
}

func selectionOf(drivers map[string]kind.Driver, only, except []selector) restore.Selection {
	s := restore.Selection{Only: matching(only), Except: matching(except)}
	if len(only) == 0 {
		return s
	}
	s.Inside = func(id kind.ID) []string { return insideOf(only, id) }
	s.Alone = func(p kind.Part) bool {
		d, ok := drivers[p.ID.Kind].(kind.Separable)
		return ok && d.Separable(p)
	}
	return s
}

// insideOf lists what is selected within an item; nil: all of it.
func insideOf(only []selector, id kind.ID) []string {
	var names []string
	for _, s := range only {
		if !s.selects(id) {
			continue
		}
		if s.inside == "" {
			return nil
		}
		names = append(names, s.inside)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// matching returns nil for no selectors.
func matching(selectors []selector) func(kind.ID) bool {
	if len(selectors) == 0 {
		return nil
	}
	return func(id kind.ID) bool {
		return slices.ContainsFunc(selectors, func(s selector) bool { return s.selects(id) })
	}
}

func (a *Agent) selectors(ctx context.Context, drivers map[string]kind.Driver, target *snapshot.Snapshot, texts []string) ([]selector, error) {
	var all []selector
	for _, text := range texts {
		s := split(drivers, target, text)
		if err := a.checkSelector(ctx, drivers, target, s, text); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// split tells the item from what is inside it. Names of items may have colons
// too, so what selects an item as it is stays whole.
func split(drivers map[string]kind.Driver, target *snapshot.Snapshot, text string) selector {
	whole := selector{pattern: text}
	if selectsAny(target, whole) {
		return whole
	}
	for i, c := range text {
		if c != ':' {
			continue
		}
		s := selector{pattern: text[:i], inside: text[i+1:]}
		kindName, _, _ := strings.Cut(s.pattern, "/")
		if _, ok := drivers[kindName].(kind.Insider); s.inside != "" && (ok || selectsAny(target, s)) {
			return s
		}
	}
	return whole
}

func selectsAny(target *snapshot.Snapshot, s selector) bool {
	return slices.ContainsFunc(target.Parts, func(p snapshot.Part) bool { return s.selects(p.ID) })
}

func (a *Agent) checkSelector(ctx context.Context, drivers map[string]kind.Driver, target *snapshot.Snapshot, s selector, text string) error {
	if !selectsAny(target, s) {
		return badSelector(fmt.Sprintf("snapshot %s has nothing that %q selects", target.ID, text), "dogear show "+string(target.ID)+" lists its parts")
	}
	if s.inside == "" {
		return nil
	}
	for _, p := range target.Parts {
		if !s.selects(p.ID) {
			continue
		}
		driver, ok := drivers[p.ID.Kind].(kind.Insider)
		if !ok {
			return badSelector(fmt.Sprintf("%q: nothing smaller than an item of kind %s can be restored (%s)", text, p.ID.Kind, s.inside), "leave out what follows the colon")
		}
		if err := driver.HasInside(ctx, p.Part, a.store, s.inside); err != nil {
			return badSelector(fmt.Sprintf("%q: %v", text, err), "dogear diff and dogear show say what the snapshot has")
		}
	}
	return nil
}

func badSelector(message, hint string) error {
	return &api.Error{Code: api.CodeUsage, Message: message, State: "nothing has changed", Hint: hint}
}
