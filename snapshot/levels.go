package snapshot

import (
	"slices"

	"dogear/kind"
)

// Levels sorts ids into levels such that each needs only ids of earlier
// levels (directly or through others that are not listed). Ids that need each
// other in a circle share the last level.
func Levels(ids []kind.ID, needs func(kind.ID) []kind.ID) [][]kind.ID {
	rest := slices.Clone(ids)
	slices.SortFunc(rest, kind.ID.Compare)
	done := make(map[kind.ID]bool, len(ids))
	listed := make(map[kind.ID]bool, len(ids))
	for _, id := range ids {
		listed[id] = true
	}
	var levels [][]kind.ID
	for len(rest) > 0 {
		var level, later []kind.ID
		for _, id := range rest {
			if ready(id, needs, listed, done) {
				level = append(level, id)
			} else {
				later = append(later, id)
			}
		}
		if len(level) == 0 {
			return append(levels, later)
		}
		for _, id := range level {
			done[id] = true
		}
		levels, rest = append(levels, level), later
	}
	return levels
}

// ready reports whether all listed ids that id needs are done.
func ready(id kind.ID, needs func(kind.ID) []kind.ID, listed, done map[kind.ID]bool) bool {
	return !slices.ContainsFunc(nearest(id, needs, listed), func(n kind.ID) bool { return !done[n] })
}

// nearest returns the listed ids that id needs, directly or through ids that
// are not listed.
func nearest(id kind.ID, needs func(kind.ID) []kind.ID, listed map[kind.ID]bool) []kind.ID {
	seen := map[kind.ID]bool{id: true}
	queue := slices.Clone(needs(id))
	var near []kind.ID
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if seen[n] {
			continue
		}
		seen[n] = true
		if listed[n] {
			near = append(near, n)
			continue
		}
		queue = append(queue, needs(n)...)
	}
	return near
}

// StartLevels is Levels for starting. What is no host of a server follows all
// that is one, unless a host needs it: an app may well not say that it wants
// its database first.
func StartLevels(ids, hosts []kind.ID, needs func(kind.ID) []kind.ID) [][]kind.ID {
	return Levels(ids, hostsFirst(hosts, needs))
}

// Turn is an item that starts, and those that it comes after.
type Turn struct {
	ID    kind.ID
	After []kind.ID
}

// StartTurns says of each id what it waits for, where StartLevels would have it
// wait for all of the levels before. What a turn comes after stands before it.
func StartTurns(ids, hosts []kind.ID, needs func(kind.ID) []kind.ID) []Turn {
	needs = hostsFirst(hosts, needs)
	before := make(map[kind.ID]bool, len(ids))
	turns := make([]Turn, 0, len(ids))
	for _, level := range Levels(ids, needs) {
		for _, id := range level {
			turns = append(turns, Turn{ID: id, After: nearest(id, needs, before)})
		}
		for _, id := range level {
			before[id] = true
		}
	}
	return turns
}

// hostsFirst adds to what an id needs the hosts of servers, if none of them
// needs it.
func hostsFirst(hosts []kind.ID, needs func(kind.ID) []kind.ID) func(kind.ID) []kind.ID {
	before := make(map[kind.ID]bool) // hosts, and what they need
	for _, h := range hosts {
		mark(h, needs, before)
	}
	return func(id kind.ID) []kind.ID {
		if before[id] {
			return needs(id)
		}
		return slices.Concat(needs(id), hosts)
	}
}

// mark marks an id and all that it needs.
func mark(id kind.ID, needs func(kind.ID) []kind.ID, marked map[kind.ID]bool) {
	if marked[id] {
		return
	}
	marked[id] = true
	for _, n := range needs(id) {
		mark(n, needs, marked)
	}
}
