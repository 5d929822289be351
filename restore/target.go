package restore

import (
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// Selection restricts a restore. The zero Selection selects everything.
type Selection struct {
	// Only selects items, and what they need along with them. Nil: all.
	Only func(kind.ID) bool
	// Except leaves items out, also if others need them. Nil: none.
	Except func(kind.ID) bool
	// Inside names what within an item is selected, if not all of it. Nil: all
	// of each.
	Inside func(kind.ID) []string
	// Alone reports whether a part comes back without what it needs and the
	// trees it claims, if they are not selected themselves. Nil: none does.
	Alone func(kind.Part) bool
}

func (s Selection) inside(id kind.ID) []string {
	if s.Inside == nil {
		return nil
	}
	return s.Inside(id)
}

func (s Selection) comesAlone(p snapshot.Part) bool {
	return s.Only != nil && s.Alone != nil && s.Alone(p.Part)
}

func (s Selection) selects(id kind.ID) bool { return (s.Only == nil || s.Only(id)) && !s.excludes(id) }

func (s Selection) excludes(id kind.ID) bool { return s.Except != nil && s.Except(id) }

// target is what a workspace is compared with: a snapshot, or some of it.
type target struct {
	ID    snapshot.ID
	Parts []snapshot.Part
	// Others are parts of the snapshot that are not restored.
	Others []snapshot.Part
	// concerns reports whether a live item is within what was selected.
	concerns func(kind.ID) bool
}

// wholly makes all of a snapshot the target.
func wholly(s *snapshot.Snapshot) target {
	return target{ID: s.ID, Parts: s.Parts, concerns: func(id kind.ID) bool {
		_, has := s.Part(id)
		return has || !s.IsPartial()
	}}
}

// selected makes the selected parts, and all that they need, the target.
func (r Request) selected() target {
	parts := r.Select.Parts(&r.Target)
	for i := range parts {
		if r.Back {
			parts[i].Back = string(r.Target.ID)
		}
	}
	others := slices.DeleteFunc(slices.Clone(r.Target.Parts), func(p snapshot.Part) bool {
		return slices.ContainsFunc(parts, func(chosen snapshot.Part) bool { return chosen.ID == p.ID })
	})
	return target{ID: r.Target.ID, Parts: parts, Others: others, concerns: func(id kind.ID) bool {
		return r.Select.selects(id) && !r.Target.IsPartial() || slices.ContainsFunc(parts, func(p snapshot.Part) bool { return p.ID == id })
	}}
}

// state is the state digest that the parts have together. There is none of
// less than a part.
func (t target) state() snapshot.Digest {
	digests := make(map[kind.ID]snapshot.Digest, len(t.Parts))
	for _, p := range t.Parts {
		if p.Inside != nil {
			return ""
		}
		digests[p.ID] = p.Facts.Digest
	}
	return snapshot.StateDigest(digests)
}

// Parts returns the parts that the selection restores of a snapshot.
func (s Selection) Parts(of *snapshot.Snapshot) []snapshot.Part {
	c := s.closure(of)
	parts := slices.DeleteFunc(slices.Clone(of.Parts), func(p snapshot.Part) bool { return !c.has(p.ID) })
	for i := range parts {
		parts[i].Inside = s.inside(parts[i].ID)
	}
	return parts
}

// Pulled lists the parts that come along with what was selected, as that
// needs them.
func (s Selection) Pulled(of *snapshot.Snapshot) []Pulled {
	var all []Pulled
	for id, by := range s.closure(of).chosen {
		if !by.IsZero() {
			all = append(all, Pulled{Part: id, By: by})
		}
	}
	slices.SortFunc(all, func(a, b Pulled) int { return a.Part.Compare(b.Part) })
	return all
}

// Pulled is a part that another one needs.
type Pulled struct {
	Part kind.ID `json:"part"`
	By   kind.ID `json:"by"`
}

// closure collects parts and what they need.
type closure struct {
	snapshot *snapshot.Snapshot
	excludes func(kind.ID) bool
	chosen   map[kind.ID]kind.ID // by whom it is needed; zero if it was selected
}

func (s Selection) closure(of *snapshot.Snapshot) closure {
	c := closure{snapshot: of, excludes: s.excludes, chosen: make(map[kind.ID]kind.ID)}
	for _, p := range of.Parts {
		if s.selects(p.ID) {
			c.chosen[p.ID] = kind.ID{}
		}
	}
	for _, p := range of.Parts {
		if s.selects(p.ID) && s.inside(p.ID) == nil && !s.comesAlone(p) {
			c.needs(p)
		}
	}
	return c
}

func (c closure) has(id kind.ID) bool { _, ok := c.chosen[id]; return ok }

// needs chooses what a part needs.
func (c closure) needs(p snapshot.Part) {
	for _, id := range slices.Concat(p.Needs, claimed(p)) {
		needed, ok := c.snapshot.Part(id)
		if ok && !c.has(id) && !c.excludes(id) && !c.liesWithin(id, p) {
			c.chosen[id] = p.ID
			c.needs(needed)
		}
	}
}

// liesWithin reports whether a part's tree lies in another's. That is needed
// for the order alone: either can be had without the other.
func (c closure) liesWithin(id kind.ID, outer snapshot.Part) bool {
	inner, ok := c.snapshot.Part(id)
	return ok && snapshot.IsBelow(outer.Root, inner.Root)
}

// claimed lists the trees in which a part's bytes are.
func claimed(p snapshot.Part) []kind.ID {
	var out []kind.ID
	for _, c := range p.Claims {
		out = append(out, c.On)
	}
	return out
}
