// Package git is the driver for git repositories.
//
// A repository is captured as what it is on disk: its worktree and its .git
// directory are one tree, raw bytes and metadata, because every porcelain
// (stash, bundle, checkout) loses something. What the bytes mean (refs, index,
// stashes, the operation in progress) is read by this package from the same
// bytes and given as facts; the git program is used only where its own
// formats are not worth a second parser, and never to write a repository,
// save for refreshing the index after a restore and for keeping what was
// committed meanwhile.
//
// Bare repositories, and worktrees and submodules whose .git is a file that
// points into the workspace, are files of the tree they lie in.
package git

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"dogear/internal/tree"
	"dogear/kind"
)

// patience is how long a git command that runs is waited for.
const patience = 3 * time.Second

// Driver is the git driver.
type Driver struct{ patience time.Duration }

var (
	_ kind.Driver    = (*Driver)(nil)
	_ kind.Resting   = (*Driver)(nil)
	_ kind.Previewer = (*Driver)(nil)
	_ kind.Prover    = (*Driver)(nil)
	_ kind.Remover   = (*Driver)(nil)
	_ kind.Starter   = (*Driver)(nil)
)

// New returns the driver.
func New() *Driver { return &Driver{patience: patience} }

// Kind returns "git".
func (*Driver) Kind() string { return "git" }

// Inspect returns the facts of the repository and of its worktree.
func (*Driver) Inspect(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	return func(yield func(kind.Fact, error) bool) {
		s, err := readState(item.Root)
		if err != nil {
			yield(kind.Fact{}, err)
			return
		}
		entries := tree.New(item.Root).Entries(ctx, options(ws, item, s.dirs))
		allFacts(ctx, ws, item, s, entries)(yield)
	}
}

// allFacts merges what a state means with the entries of its tree.
func allFacts(ctx context.Context, ws *kind.Workspace, item kind.Item, s *state, entries iter.Seq2[tree.Entry, error]) kind.Facts {
	facts, err := s.facts(ctx, ws.Redact)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return kind.Merge(kind.Stream(facts), treeFacts(ws, item, entries))
}

// treeFacts are those of the worktree, and of what lies in .git and has no
// fact of its own.
func treeFacts(ws *kind.Workspace, item kind.Item, entries iter.Seq2[tree.Entry, error]) kind.Facts {
	claimed := append(append([]kind.Pattern{}, item.Claimed...), ws.Volatile...)
	return tree.Facts(timeless(entries), "./", claimed)
}

// timeless drops the times of what lies in .git: git touches files there
// whenever it looks.
func timeless(entries iter.Seq2[tree.Entry, error]) iter.Seq2[tree.Entry, error] {
	return func(yield func(tree.Entry, error) bool) {
		for e, err := range entries {
			if e.Path == ".git" || strings.HasPrefix(e.Path, ".git/") {
				e.Sec, e.Nsec = 0, 0
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// claimedByOthers are the claims on the tree that are not the repository's own.
func claimedByOthers(item kind.Item) []kind.Pattern {
	var own []kind.Pattern
	for _, claim := range item.Claims {
		own = append(own, claim.Paths...)
	}
	return slices.DeleteFunc(slices.Clone(item.Claimed), func(p kind.Pattern) bool { return slices.Contains(own, p) })
}

// options describe the tree of a repository to the tree engine.
func options(ws *kind.Workspace, item kind.Item, dirs []string) tree.Options {
	return tree.Options{
		Nested: item.Nested,
		Skip:   patterns(dirs, transient),
		First:  patterns(dirs, first),
		// Git touches a pack when it finds something in it.
		Lasting: patterns(dirs, []string{"objects/pack/pack-*.pack"}),
		// Of databases in the worktree: what git claims it replaces.
		InPlace: claimedByOthers(item),
		// As in timeless.
		Timeless: []kind.Pattern{".git"},
		Index:    tree.CacheIndex(ws.Cache, item.ID),
		Shared:   ws.Shared,
		Kept:     ws.Kept,
	}
}
