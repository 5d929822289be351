package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/kind"
)

// checkOptions refuses options that no driver would look at.
func checkOptions(drivers []kind.Driver, options map[string]string) error {
	known := knownOptions(drivers)
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if slices.Contains(known, name) {
			continue
		}
		hint := "there are no options yet"
		if len(known) > 0 {
			hint = "there are " + strings.Join(known, ", ")
		}
		return &api.Error{
			Code: api.CodeUsage, Message: fmt.Sprintf("no kind has an option %q", name),
			State: "nothing has changed", Hint: hint,
		}
	}
	return nil
}

func knownOptions(drivers []kind.Driver) []string {
	var known []string
	for _, d := range drivers {
		if c, ok := d.(kind.Configurable); ok {
			for _, key := range c.Options() {
				known = append(known, d.Kind()+"."+key)
			}
		}
	}
	return known
}
