package docker

import (
	"slices"

	"dogear/kind"
)

// Needed returns the things of one kind that items found before need, as
// items of their own, sorted.
func Needed(found []kind.Item, k string) []kind.Item {
	var ids []kind.ID
	for _, item := range found {
		for _, need := range item.Needs {
			if need.Kind == k {
				ids = append(ids, need)
			}
		}
	}
	slices.SortFunc(ids, kind.ID.Compare)
	ids = slices.Compact(ids)
	items := make([]kind.Item, len(ids))
	for i, id := range ids {
		items[i].ID = id
	}
	return items
}
