package docker

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

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

// Present leaves out the items that are not there: a container may need what
// was removed since it was created.
func Present(items []kind.Item, look func(kind.ID) error) ([]kind.Item, error) {
	var present []kind.Item
	for _, item := range items {
		err := look(item.ID)
		if errors.Is(err, kind.ErrGone) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", item.ID, err)
		}
		present = append(present, item)
	}
	return present, nil
}

// OwnerOf returns the item with the innermost root around a path.
func OwnerOf(path string, found []kind.Item) (kind.ID, bool) {
	var owner kind.Item
	for _, it := range found {
		if it.Root != "" && isWithin(path, it.Root) && len(it.Root) > len(owner.Root) {
			owner = it
		}
	}
	return owner.ID, owner.Root != ""
}

func isWithin(path, root string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
