package agent

import (
	"fmt"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

// selection makes a predicate of --only and --except; nil selects all. Each
// pattern has to mean something in the snapshot.
func selection(target *snapshot.Snapshot, only, except []string) (func(kind.ID) bool, error) {
	if len(only) == 0 && len(except) == 0 {
		return nil, nil
	}
	for _, pattern := range slices.Concat(only, except) {
		if err := checkSelector(target, pattern); err != nil {
			return nil, err
		}
	}
	return func(id kind.ID) bool {
		return (len(only) == 0 || selected(only, id)) && !selected(except, id)
	}, nil
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
