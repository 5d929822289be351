package git

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dogear/kind"
)

// refPaths are what a restore of the refs alone is about. Refs are one tree
// (loose ones, packed ones, their logs), restored as one, and objects only
// come: HEAD, index and files stay, and need theirs.
var refPaths = []string{".git/refs", ".git/packed-refs", ".git/logs/refs", ".git/objects"}

// narrowToRefs has a target be about refs alone.
func (t *target) narrowToRefs() {
	for _, name := range refPaths {
		t.opts.Within = append(t.opts.Within, kind.Pattern(name))
	}
	t.opts.Additive = append(t.opts.Additive, ".git/objects")
	t.same = nil
}

// isAboutRefs reports whether a fact is about a ref.
func isAboutRefs(fact string) bool {
	for _, prefix := range []string{"refs/", "reflog refs/", "stash@{", "./.git/refs", "./.git/packed-refs", "./.git/logs/refs"} {
		if strings.HasPrefix(fact, prefix) {
			return true
		}
	}
	return false
}

// withoutHead says what is in the way of refs alone: HEAD stays, and would be
// on a branch that is no more.
func withoutHead(ctx context.Context, part kind.Part, source kind.Source) ([]string, error) {
	live, err := readState(part.Root)
	if errors.Is(err, kind.ErrGone) {
		return []string{"there is no repository any more whose files could be left as they are"}, nil
	}
	if err != nil {
		return nil, err
	}
	captured, err := capturedState(ctx, part, source, []kind.Pattern{".git/packed-refs", ".git/refs", ".git/reftable"})
	if err != nil {
		return nil, err
	}
	if live.hasTables(".git") || captured.hasTables(".git") {
		return []string{"its refs are in tables (reftable), and HEAD is in them as well: they come back with the whole repository only, without -o git." + refsOnly}, nil
	}
	branch, ok := strings.CutPrefix(live.line(".git", "HEAD"), "ref: ")
	if !ok || captured.refs(".git")[branch] != "" || live.refs(".git")[branch] == "" {
		return nil, nil
	}
	return []string{fmt.Sprintf("%s is checked out, and the snapshot has no such branch; check out another one", shortRef(branch))}, nil
}
