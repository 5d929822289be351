package postgres

import (
	"cmp"
	"slices"
	"strings"

	"dogear/kind"
)

// stored is a piece of an object that is stored.
type stored struct {
	kind.Object
	nth int
}

func (c *capture) add(object kind.Object, nth int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored = append(c.stored, stored{object, nth})
	c.read += object.Size
}

// objects puts together what was stored in pieces, sorted by name.
func (c *capture) objects() []kind.Object {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.stored, func(a, b stored) int { return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.nth, b.nth)) })
	var all []kind.Object
	for _, p := range c.stored {
		if last := len(all) - 1; last >= 0 && all[last].Name == p.Name {
			all[last].Size += p.Size
			all[last].Chunks = append(all[last].Chunks, p.Chunks...)
			continue
		}
		all = append(all, p.Object)
	}
	return all
}
