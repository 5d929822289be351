package snapshot

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"dogear/kind"
)

// Find lists the items of a workspace, sorted by id, with the claims and the
// nested roots of each worked out.
func Find(ctx context.Context, drivers []kind.Driver, ws *kind.Workspace) ([]kind.Item, error) {
	var items []kind.Item
	look := ws
	if ws.Shared == nil {
		look = ws.Look()
	}
	for _, d := range drivers {
		found, err := d.Find(ctx, look, slices.Clip(items))
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", d.Kind(), err)
		}
		items = append(items, found...)
	}
	slices.SortFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) })
	if err := unique(items); err != nil {
		return nil, err
	}
	settleOwnership(items)
	settleClaims(items)
	return items, nil
}

func unique(items []kind.Item) error {
	for i := 1; i < len(items); i++ {
		if items[i].ID == items[i-1].ID {
			return fmt.Errorf("%s was found twice", items[i].ID)
		}
	}
	return nil
}

// settleOwnership gives every path to the innermost item: a root that lies
// within another is left out of the outer one.
func settleOwnership(items []kind.Item) {
	for i := range items {
		outer := &items[i]
		outer.Nested = nil
		if outer.Root == "" {
			continue
		}
		for _, inner := range items {
			if rel, ok := below(outer.Root, inner.Root); ok {
				outer.Nested = append(outer.Nested, rel)
			}
		}
		slices.SortFunc(outer.Nested, kind.CompareNames)
		outer.Nested = slices.Compact(outer.Nested)
	}
}

// IsBelow reports whether a path lies strictly below a root. Neither lies
// anywhere if it is empty.
func IsBelow(root, path string) bool {
	_, ok := below(root, path)
	return ok
}

// below returns path relative to root if it lies strictly below it.
func below(root, path string) (string, bool) {
	if root == "" || path == "" {
		return "", false
	}
	rel, ok := strings.CutPrefix(path, strings.TrimSuffix(root, string(filepath.Separator))+string(filepath.Separator))
	return filepath.ToSlash(rel), ok && rel != ""
}

// settleClaims hands each claim to the item whose tree it is about.
func settleClaims(items []kind.Item) {
	claims := make(map[kind.ID][]kind.Pattern)
	for _, it := range items {
		for _, c := range it.Claims {
			claims[c.On] = append(claims[c.On], c.Paths...)
		}
	}
	for i := range items {
		patterns := claims[items[i].ID]
		slices.Sort(patterns)
		items[i].Claimed = slices.Compact(patterns)
	}
}
