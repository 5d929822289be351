package agent

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"dogear/agent/api"
	"dogear/snapshot"
)

// maxCandidates is how many snapshots an error about an ambiguous reference
// names.
const maxCandidates = 5

// resolve finds the snapshot that a reference means among those of one
// workspace: an id prefix, a name, latest, latest~2, or a time. Snapshots
// taken for safety are found by id and name only.
func resolve(all []snapshot.Snapshot, ref string, now time.Time) (snapshot.Snapshot, error) {
	if s, ok, err := resolveExactly(all, ref); ok {
		return s, err
	}
	if when, ok := parseWhen(ref, now); ok {
		return lastBefore(all, ref, when)
	}
	return snapshot.Snapshot{}, unknown(all, ref)
}

// resolveExactly knows no times. It reports whether it knows the reference.
func resolveExactly(all []snapshot.Snapshot, ref string) (snapshot.Snapshot, bool, error) {
	if s, ok, err := resolveLatest(all, ref); ok {
		return s, ok, err
	}
	if s, ok := byName(all, ref); ok {
		return s, ok, nil
	}
	return byPrefix(all, ref)
}

// chosen returns what a person saved or paused, newest first.
func chosen(all []snapshot.Snapshot) []snapshot.Snapshot {
	out := slices.DeleteFunc(slices.Clone(all), func(s snapshot.Snapshot) bool {
		return s.Reason == snapshot.ReasonSafety || s.IsPartial()
	})
	newestFirst(out)
	return out
}

func newestFirst(list []snapshot.Snapshot) {
	slices.SortFunc(list, func(a, b snapshot.Snapshot) int { return strings.Compare(string(b.ID), string(a.ID)) })
}

func resolveLatest(all []snapshot.Snapshot, ref string) (snapshot.Snapshot, bool, error) {
	rest, ok := strings.CutPrefix(ref, "latest")
	if !ok {
		return snapshot.Snapshot{}, false, nil
	}
	back := 0
	if rest != "" {
		digits, ok := strings.CutPrefix(rest, "~")
		n, err := strconv.ParseUint(digits, 10, 31)
		if !ok || err != nil {
			return snapshot.Snapshot{}, false, nil
		}
		back = int(n)
	}
	list := chosen(all)
	if back >= len(list) {
		return snapshot.Snapshot{}, true, notFound(fmt.Sprintf("there is no %s: this workspace has %s, not counting those taken for safety", ref, english.Plural(len(list), "snapshot", "")))
	}
	return list[back], true, nil
}

// byName finds the newest snapshot of that name.
func byName(all []snapshot.Snapshot, name string) (snapshot.Snapshot, bool) {
	list := slices.Clone(all)
	newestFirst(list)
	i := slices.IndexFunc(list, func(s snapshot.Snapshot) bool { return name != "" && s.Name == name })
	if i < 0 {
		return snapshot.Snapshot{}, false
	}
	return list[i], true
}

func byPrefix(all []snapshot.Snapshot, prefix string) (snapshot.Snapshot, bool, error) {
	prefix = strings.ToLower(prefix)
	var found []snapshot.Snapshot
	for _, s := range all {
		if prefix != "" && strings.HasPrefix(string(s.ID), prefix) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return snapshot.Snapshot{}, false, nil
	case 1:
		return found[0], true, nil
	}
	newestFirst(found)
	return snapshot.Snapshot{}, true, ambiguous(prefix, found)
}

func ambiguous(prefix string, found []snapshot.Snapshot) error {
	var lines strings.Builder
	for _, s := range found[:min(len(found), maxCandidates)] {
		fmt.Fprintf(&lines, "\n  %s  %s  %s %s", s.ID, s.Created.Local().Format(time.DateTime), s.Reason, s.Note)
	}
	if more := len(found) - maxCandidates; more > 0 {
		fmt.Fprintf(&lines, "\n  and %d more", more)
	}
	return &api.Error{
		Code:    api.CodeUsage,
		Message: fmt.Sprintf("%q is ambiguous: %d snapshots begin with it%s", prefix, len(found), lines.String()),
		State:   "nothing has changed",
		Hint:    "give more of the id",
	}
}

func lastBefore(all []snapshot.Snapshot, ref string, when time.Time) (snapshot.Snapshot, error) {
	for _, s := range chosen(all) {
		if !s.Created.After(when) {
			return s, nil
		}
	}
	return snapshot.Snapshot{}, notFound(fmt.Sprintf("there is no snapshot at or before %s (%s)", ref, when.Format(time.DateTime)))
}

func unknown(all []snapshot.Snapshot, ref string) error {
	if len(all) == 0 {
		return notFound(fmt.Sprintf("there is no snapshot %q: nothing was ever saved here", ref))
	}
	return notFound(fmt.Sprintf("there is no snapshot %q in this workspace", ref))
}

func notFound(message string) error {
	return &api.Error{
		Code: api.CodeNotFound, Message: message, State: "nothing has changed",
		Hint: "dogear list shows what there is; a snapshot is named by id, name, latest, latest~2 or a time",
	}
}
