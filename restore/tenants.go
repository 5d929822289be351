package restore

import (
	"context"
	"fmt"
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// misfits says which live items could not use what a plan puts in the trees
// that they use: a server of another version its data directory. What comes back
// together with what it runs in fits.
func (d *desk) misfits(ctx context.Context, plan Plan) ([]string, error) {
	var all []string
	for _, p := range slices.Concat(d.target.Parts, d.target.Others) {
		driver, ok := d.drivers[p.ID.Kind].(kind.Tenant)
		if !ok || d.alone[p.ID] {
			continue
		}
		item, ok := d.tenant(p, plan)
		if !ok {
			continue
		}
		reasons, err := driver.Fits(ctx, d.ws, item, p.Part, d.source)
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", p.ID, err)
		}
		for _, why := range reasons {
			all = append(all, fmt.Sprintf("%s: %s", p.ID, why))
		}
	}
	return all, nil
}

// tenant finds the live item of a part's kind that uses a tree which the part
// claims and the plan changes, while what it runs in stays as it is. It is the
// part's own item if that does.
func (d *desk) tenant(p snapshot.Part, plan Plan) (kind.Item, bool) {
	var found []kind.Item
	for _, item := range d.items() {
		if _, comes := d.parts[item.RunsIn]; comes || item.ID.Kind != p.ID.Kind || item.RunsIn.IsZero() {
			continue
		}
		uses := slices.ContainsFunc(item.Claims, func(c kind.Claim) bool {
			step, ok := plan.Step(c.On)
			return ok && step.touches() && slices.Contains(claimed(p), c.On)
		})
		if uses {
			found = append(found, item)
		}
	}
	if i := slices.IndexFunc(found, func(item kind.Item) bool { return item.ID == p.ID }); i > 0 {
		found = found[i:]
	}
	if len(found) == 0 {
		return kind.Item{}, false
	}
	return found[0], true
}
