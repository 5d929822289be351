package tree

import (
	"context"
	"fmt"
	"path"
	"strings"

	"dogear/kind"
)

// Inside makes patterns (see Options.Within) of paths that a user selected
// within a tree. A leading slash is how the paths of volumes are written.
func Inside(paths []string) []kind.Pattern {
	var patterns []kind.Pattern
	for _, p := range paths {
		patterns = append(patterns, kind.Pattern(strings.TrimPrefix(path.Clean("/"+p), "/")))
	}
	return patterns
}

// HasInside returns nil if a path selects something in a captured tree: a
// misspelt one would otherwise be something that is to be removed. Of the
// files of a database, which are those that are claimed and lie in one
// directory each, it has to select all.
func HasInside(ctx context.Context, manifest kind.Object, source kind.Source, selected string, claimed []kind.Pattern) error {
	patterns, found := Inside([]string{selected}), false
	for e, err := range ReadManifest(ctx, source, manifest) {
		if err != nil {
			return err
		}
		if e.Path == "" || !kind.MatchAny(patterns, e.Path) {
			continue
		}
		found = true
		if dir, _ := split(e.Path); kind.MatchAny(claimed, e.Path) && !kind.MatchAny(patterns, dir) {
			return fmt.Errorf("%s is a file of a database, and needs those beside it: select their directory, or the database", kind.Printable(e.Path))
		}
	}
	if !found {
		return fmt.Errorf("the snapshot has no %s in it", selected)
	}
	return nil
}

// NarrowTo says that all but the given paths is left as it is: facts, at rest
// too, are named prefix+path. It returns nil for no paths.
func NarrowTo(paths []string, prefix string) *kind.Narrowed {
	if len(paths) == 0 {
		return nil
	}
	patterns := Inside(paths)
	return &kind.Narrowed{
		Leaves: func(fact string) bool {
			name, ok := strings.CutPrefix(fact, prefix)
			return !ok || !kind.MatchAny(patterns, name)
		},
		Gap: kind.Gap{What: "all but " + strings.Join(paths, ", "), Why: "it was not selected, and is as it was"},
	}
}
