package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dogear/kind"
	"dogear/snapshot"
)

// relocate works out the parts as they are in the rehearsal.
func (r *rehearsing) relocate(ctx context.Context) error {
	drivers := snapshot.ByKind(r.Drivers)
	for _, p := range r.Target.Parts {
		var moved kind.Relocated
		var err error
		switch driver := drivers[p.ID.Kind].(type) {
		case kind.Rehearser:
			moved, err = driver.Rehearse(ctx, p.Part, r.overlay, r.overlay, r.stage)
			r.renamed[p.ID] = moved.Part.ID
		case kind.Relocator:
			moved, err = driver.Relocate(ctx, p.Part, r.overlay, r.overlay, r.stage.From, r.stage.To)
		default:
			if r.comesAlong(p) {
				r.parts = append(r.parts, p)
				continue
			}
			r.gaps = append(r.gaps, kind.Gap{Part: p.ID, What: "all of it", Why: "its files are in nothing that is rehearsed"})
			continue
		}
		if err != nil {
			return fmt.Errorf("rehearse %s: %w", p.ID, err)
		}
		for _, gap := range moved.Gaps {
			gap.Part = p.ID
			r.gaps = append(r.gaps, gap)
		}
		p.Part = moved.Part
		r.excuses[p.ID] = moved.Excuses
		r.parts = append(r.parts, p)
	}
	for i := range r.parts {
		r.rename(&r.parts[i])
	}
	return nil
}

// comesAlong reports whether a part has its bytes in the trees of others.
func (r *rehearsing) comesAlong(p snapshot.Part) bool {
	has := func(c kind.Claim) bool { _, ok := r.Target.Part(c.On); return ok }
	return slices.ContainsFunc(p.Claims, has)
}

// rename has a part refer to others by the names that they have.
func (r *rehearsing) rename(p *snapshot.Part) {
	as := func(id kind.ID) kind.ID {
		if renamed, ok := r.renamed[id]; ok {
			return renamed
		}
		return id
	}
	p.Needs = slices.Clone(p.Needs)
	for i, id := range p.Needs {
		p.Needs[i] = as(id)
	}
	p.Claims = slices.Clone(p.Claims)
	for i := range p.Claims {
		p.Claims[i].On = as(p.Claims[i].On)
	}
	p.RunsIn = as(p.RunsIn)
	if excuses, ok := r.excuses[p.ID]; ok && excuses != nil {
		r.excuses[as(p.ID)] = excuses
	}
}

// original is the name of a part in the snapshot.
func (r *rehearsing) original(id kind.ID) kind.ID {
	id.Name = strings.TrimPrefix(id.Name, r.stage.Mark)
	return id
}

// back has the facts of what was renamed speak of the names in the snapshot.
func (r *rehearsing) back(p snapshot.Part, facts kind.Facts) kind.Facts {
	if !strings.HasPrefix(p.ID.Name, r.stage.Mark) {
		return facts
	}
	return func(yield func(kind.Fact, error) bool) {
		for f, err := range facts {
			if !yield(kind.Fact{Name: r.stage.Back(f.Name), Value: r.stage.Back(f.Value)}, err) {
				return
			}
		}
	}
}
