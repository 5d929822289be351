package tree

import (
	"slices"

	"dogear/kind"
)

// within narrows both sides of a comparison to what is selected, and to the
// directories on the way there. Those that are there are wanted as they are.
func within(selected []kind.Pattern, live []record, want []Entry) ([]record, []Entry, []string) {
	if len(selected) == 0 {
		return live, want, nil
	}
	n := narrowing{selected: selected, above: make(map[string]bool), there: make(map[string]*record)}
	for i := range want {
		n.note(want[i].Path)
	}
	for i := range live {
		n.note(live[i].Path)
	}
	for i := range live {
		if r := &live[i]; n.leadsThere(r.Path) {
			n.there[r.Path] = r
		}
	}
	wanted := n.wanted(want)
	keeps := func(r record) bool { return n.selects(r.Path) || n.leadsThere(r.Path) && r.Type == Folder }
	return slices.DeleteFunc(slices.Clone(live), func(r record) bool { return !keeps(r) }), wanted, n.conflicts
}

type narrowing struct {
	selected  []kind.Pattern
	above     map[string]bool    // directories above what is selected
	there     map[string]*record // the live ones of them
	conflicts []string
}

func (n *narrowing) selects(path string) bool { return kind.MatchAny(n.selected, path) }

func (n *narrowing) leadsThere(path string) bool { return n.above[path] && !n.selects(path) }

func (n *narrowing) note(path string) {
	if !n.selects(path) {
		return
	}
	for path != "" {
		path, _ = split(path)
		n.above[path] = true
	}
}

// wanted lists what is selected and the directories above it. A link to a file
// that is not selected becomes a file.
func (n *narrowing) wanted(want []Entry) []Entry {
	var out []Entry
	firsts := make(map[string]string)
	for _, e := range want {
		switch {
		case n.selects(e.Path):
			if e.Group == "" {
				firsts[e.Path] = e.Path
			} else if first, ok := firsts[e.Group]; ok {
				e.Group = first
			} else {
				firsts[e.Group], e.Group = e.Path, ""
			}
			out = append(out, e)
		case n.leadsThere(e.Path) && n.there[e.Path] == nil:
			out = append(out, e)
		}
	}
	for path, r := range n.there {
		if r.Type == Folder {
			out = append(out, r.Entry)
			continue
		}
		n.conflicts = append(n.conflicts, kind.Printable(path)+" is no directory now: restore that too, or move it away")
	}
	slices.Sort(n.conflicts)
	slices.SortFunc(out, func(a, b Entry) int { return kind.CompareNames(a.Path, b.Path) })
	return out
}
