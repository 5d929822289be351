package kindtest

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

// run is a run of the kit: the harness, and the item as it was at first.
type run struct {
	Harness
	store       *Memory
	item        kind.Item
	facts, rest []kind.Fact
	part        kind.Part
	foreseen    int // how many captures were foreseen
	cameTrue    int // how many of them rightly
}

func (r *run) find(t *testing.T) kind.Item {
	t.Helper()
	items, err := r.Driver.Find(t.Context(), r.Workspace, r.Found)
	require.NoError(t, err)
	require.True(t, slices.IsSortedFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) }), "items are not sorted")
	for _, item := range items {
		require.Equal(t, r.Driver.Kind(), item.ID.Kind)
		if item.ID == r.Item {
			if r.Complete != nil {
				item = r.Complete(item)
			}
			return item
		}
	}
	require.Failf(t, "not found", "%s is not among %d items", r.Item, len(items))
	return kind.Item{}
}

func (r *run) inspect(t *testing.T) []kind.Fact {
	t.Helper()
	return Collect(t, r.Driver.Inspect(t.Context(), r.Workspace, r.item))
}

// inspectRest returns no facts for a driver that has none at rest.
func (r *run) inspectRest(t *testing.T) []kind.Fact {
	t.Helper()
	resting, ok := r.Driver.(kind.Resting)
	if !ok {
		return nil
	}
	return Collect(t, resting.InspectRest(t.Context(), r.Workspace, r.item))
}

// Collect returns a stream as a slice, and checks that it is in order.
func Collect(t *testing.T, stream kind.Facts) []kind.Fact {
	t.Helper()
	var facts []kind.Fact
	for f, err := range stream {
		require.NoError(t, err)
		require.NotEmpty(t, f.Name)
		require.NotContains(t, f.Name, "\x00")
		if n := len(facts); n > 0 {
			require.Negative(t, kind.CompareNames(facts[n-1].Name, f.Name), "%q stands after %q", f.Name, facts[n-1].Name)
		}
		facts = append(facts, f)
	}
	return facts
}

func (r *run) findAgain(t *testing.T) { require.Equal(t, r.item, r.find(t)) }

func (r *run) inspectAgain(t *testing.T) {
	witness := r.witness(t)
	require.NotEmpty(t, r.facts)
	r.requireUnchanged(t)
	require.Equal(t, witness, r.witness(t))
}

func (r *run) witness(t *testing.T) any {
	t.Helper()
	if r.Witness == nil {
		return nil
	}
	return r.Witness(t)
}

// requireUnchanged asserts that the item is as it was at first.
func (r *run) requireUnchanged(t *testing.T) {
	t.Helper()
	require.Empty(t, Differences(r.facts, r.inspect(t)))
	require.Empty(t, Differences(r.rest, r.inspectRest(t)), "rest facts")
}

// take captures the item as an engine does.
func (r *run) take(t *testing.T) kind.Part {
	t.Helper()
	ctx := t.Context()
	c, err := r.Driver.Open(ctx, r.Workspace, r.item, r.store)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	if p, ok := c.(kind.Preparer); ok {
		require.NoError(t, p.Prepare(ctx))
		require.NoError(t, p.Prepare(ctx))
	}
	verify := r.foresee(t, c)
	if h, ok := c.(kind.Holder); ok {
		require.NoError(t, h.Hold(ctx))
	}
	require.NoError(t, c.Take(ctx))
	part, err := c.Finish(ctx)
	require.NoError(t, err)
	require.Equal(t, r.Item, part.ID)
	verify(part)
	require.Empty(t, Differences(r.facts, Collect(t, part.Facts)), "the part has other facts than Inspect")
	return stored(t, part)
}

// foresee has a capture foresee its part, and returns what makes sure, after Take,
// that it was the right one if it came true.
func (r *run) foresee(t *testing.T, c kind.Capture) func(kind.Part) {
	f, ok := c.(kind.Foreseer)
	if !ok {
		return func(kind.Part) {}
	}
	foreseen, ok, err := f.Foresee(t.Context())
	require.NoError(t, err)
	if !ok {
		return func(kind.Part) {}
	}
	r.foreseen++
	facts := Collect(t, foreseen.Facts)
	return func(part kind.Part) {
		held, came := f.CameTrue()
		if !came {
			return
		}
		require.Empty(t, Differences(facts, Collect(t, part.Facts)), "the facts were foreseen to be others")
		foreseen.Held, foreseen.Facts, part.Facts = held, nil, nil
		foreseen.Read, part.Read = 0, 0
		require.Equal(t, part, foreseen, "the part was foreseen to be another one")
		r.cameTrue++
	}
}

// stored returns the part as a store gives it back.
func stored(t *testing.T, part kind.Part) kind.Part {
	t.Helper()
	b, err := json.Marshal(part)
	require.NoError(t, err)
	var again kind.Part
	require.NoError(t, json.Unmarshal(b, &again))
	return again
}

func (r *run) capture(t *testing.T) {
	r.part = r.take(t)
	if resting, ok := r.Driver.(kind.Resting); ok {
		rest := Collect(t, resting.Rest(t.Context(), r.part, r.store))
		require.Empty(t, Differences(r.rest, rest), "the part has other rest facts than InspectRest")
	}
	r.requireUnchanged(t)
	r.requireAtRest(t, true)
}

// requireAtRest asserts what a Prover says.
func (r *run) requireAtRest(t *testing.T, want bool) {
	t.Helper()
	if p, ok := r.Driver.(kind.Prover); ok {
		same, err := p.IsAtRest(t.Context(), r.Workspace, r.part, r.store)
		require.NoError(t, err)
		require.Equal(t, want, same, "IsAtRest")
	}
}

func (r *run) captureAgain(t *testing.T) {
	before := r.store.Bytes()
	r.foreseen, r.cameTrue = 0, 0
	r.take(t)
	require.Equal(t, r.foreseen, r.cameTrue, "what nobody touches is as it was foreseen")
	allowed := r.Growth
	if allowed == 0 {
		allowed = 64 << 10
	}
	require.LessOrEqual(t, r.store.Bytes()-before, allowed, "bytes added by capturing the same state")
}

func (r *run) closeEarly(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		c, err := r.Driver.Open(t.Context(), r.Workspace, r.item, r.store)
		require.NoError(t, err)
		if p, ok := c.(kind.Preparer); ok && prepare {
			require.NoError(t, p.Prepare(t.Context()))
		}
		require.NoError(t, c.Close())
	}
	canceled, cancel := context.WithCancel(t.Context())
	c, err := r.Driver.Open(canceled, r.Workspace, r.item, r.store)
	cancel()
	if err == nil {
		require.NoError(t, c.Close())
	}
	r.requireUnchanged(t)
}

func (r *run) restore(t *testing.T) {
	t.Helper()
	if r.Stop != nil {
		r.Stop(t)
	}
	require.NoError(t, r.Driver.Restore(t.Context(), r.Workspace, r.part, r.store))
	if r.Start != nil {
		r.Start(t)
	}
}

func (r *run) restoreSame(t *testing.T) {
	witness := r.witness(t)
	if p, ok := r.Driver.(kind.Previewer); ok {
		change, err := p.Preview(t.Context(), r.Workspace, r.part, r.store)
		require.NoError(t, err)
		require.Equal(t, kind.ActionNone, change.Action, "%v", change.Details)
	}
	r.restore(t)
	r.requireUnchanged(t)
	require.Equal(t, witness, r.witness(t))
}

func (r *run) same(t *testing.T, m Mutation) {
	m.Do(t)
	require.Empty(t, Differences(r.facts, r.inspect(t)))
	if m.Undo != nil {
		m.Undo(t)
	}
}

func (r *run) mutate(t *testing.T, m Mutation) {
	m.Do(t)
	if m.Want != nil {
		require.Equal(t, m.Want, Differences(r.facts, r.inspect(t)))
	}
	if m.WantRest != nil {
		require.Equal(t, m.WantRest, Differences(r.rest, r.inspectRest(t)), "rest facts")
		r.requireAtRest(t, len(m.WantRest) == 0)
	}
	if m.Undo != nil {
		m.Undo(t)
		r.requireUnchanged(t)
		return
	}
	r.restore(t)
	r.requireUnchanged(t)
	witness := r.witness(t)
	r.restore(t)
	r.requireUnchanged(t)
	require.Equal(t, witness, r.witness(t), "restoring a second time")
}

func (r *run) remove(t *testing.T) {
	r.Remove(t)
	r.restore(t)
	r.requireUnchanged(t)
}
