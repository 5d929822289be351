package restore

import (
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// target is what a workspace is compared with: a snapshot, or some of it.
type target struct {
	ID    snapshot.ID
	Parts []snapshot.Part
	// concerns reports whether a live item is within what was selected.
	concerns func(kind.ID) bool
}

// wholly makes all of a snapshot the target.
func wholly(s *snapshot.Snapshot) target {
	return target{ID: s.ID, Parts: s.Parts, concerns: func(kind.ID) bool { return true }}
}

// selected makes the selected parts, and all that they need, the target.
func (r Request) selected() target {
	if r.Select == nil {
		return wholly(&r.Target)
	}
	t := target{ID: r.Target.ID}
	chosen := make(map[kind.ID]bool)
	for _, p := range r.Target.Parts {
		if r.Select(p.ID) {
			choose(p.ID, &r.Target, chosen)
		}
	}
	for _, p := range r.Target.Parts {
		if chosen[p.ID] {
			t.Parts = append(t.Parts, p)
		}
	}
	t.concerns = func(id kind.ID) bool { return chosen[id] || r.Select(id) }
	return t
}

func choose(id kind.ID, s *snapshot.Snapshot, chosen map[kind.ID]bool) {
	p, ok := s.Part(id)
	if !ok || chosen[id] {
		return
	}
	chosen[id] = true
	for _, n := range slices.Concat(p.Needs, claimed(p)) {
		choose(n, s, chosen)
	}
}

// claimed lists the trees in which a part's bytes are.
func claimed(p snapshot.Part) []kind.ID {
	var out []kind.ID
	for _, c := range p.Claims {
		out = append(out, c.On)
	}
	return out
}
