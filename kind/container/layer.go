package container

import (
	"iter"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/internal/tree"
	"dogear/kind"
)

// layerFacts returns the facts of a writable layer, but for what others speak
// for: a server may keep its files there.
func layerFacts(entries iter.Seq2[tree.Entry, error], ws *kind.Workspace, claimed []kind.Pattern) kind.Facts {
	volatile := docker.LayerVolatile(ws)
	return tree.Facts(withoutAncestors(entries, volatile), "/", slices.Concat(volatile, claimed))
}

// withoutAncestors leaves out the directories above volatile ones. When the
// first log is written overlayfs copies /var into the layer, and nothing has
// changed but that.
func withoutAncestors(entries iter.Seq2[tree.Entry, error], volatile []kind.Pattern) iter.Seq2[tree.Entry, error] {
	return func(yield func(tree.Entry, error) bool) {
		for e, err := range entries {
			if err == nil && e.Type == tree.Folder && e.Path != "" && isAncestor(e.Path, volatile) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func isAncestor(path string, patterns []kind.Pattern) bool {
	return slices.ContainsFunc(patterns, func(p kind.Pattern) bool { return strings.HasPrefix(string(p), path+"/") })
}
