package agent

import (
	"fmt"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// selection makes one of --only and --except. Each pattern has to mean
// something in the snapshot.
func selection(target *snapshot.Snapshot, only, except []string) (restore.Selection, error) {
	for _, pattern := range slices.Concat(only, except) {
		if err := checkSelector(target, pattern); err != nil {
			return restore.Selection{}, err
		}
	}
	return restore.Selection{Only: matching(only), Except: matching(except)}, nil
}

// matching returns nil for no patterns.
func matching(patterns []string) func(kind.ID) bool {
	if len(patterns) == 0 {
		return nil
	}
	return func(id kind.ID) bool { return selected(patterns, id) }
}

func selected(patterns []string, id kind.ID) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return p == id.String() || kind.Pattern(p).Match(id.String()) })
}

func checkSelector(target *snapshot.Snapshot, pattern string) error {
	if _, inside, ok := strings.Cut(pattern, ":"); ok {
		return &api.Error{
			Code: api.CodeUsage, Message: fmt.Sprintf("%q: nothing smaller than an item can be restored yet (%s)", pattern, inside),
			State: "nothing has changed", Hint: "leave out what follows the colon",
		}
	}
	if slices.ContainsFunc(target.Parts, func(p snapshot.Part) bool { return selected([]string{pattern}, p.ID) }) {
		return nil
	}
	return &api.Error{
		Code: api.CodeUsage, Message: fmt.Sprintf("snapshot %s has nothing that %q selects", target.ID, pattern),
		State: "nothing has changed", Hint: "dogear show " + string(target.ID) + " lists its parts",
	}
}
