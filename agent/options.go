package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/kind"
)

// checkOptions refuses options that no driver would look at, and values that
// they do not take.
func checkOptions(drivers []kind.Driver, options map[string]string) error {
	known := knownOptions(drivers)
	for _, name := range slices.Sorted(maps.Keys(options)) {
		values, ok := known[name]
		switch {
		case !ok:
			return noOption(known, name)
		case values != nil && !slices.Contains(values, options[name]):
			return &api.Error{
				Code: api.CodeUsage, Message: fmt.Sprintf("option %s: %q is no value of it", name, options[name]),
				State: "nothing has changed", Hint: "it takes " + strings.Join(values, ", "),
			}
		}
	}
	return nil
}

func noOption(known map[string][]string, name string) error {
	hint := "there are no options yet"
	if len(known) > 0 {
		hint = "there are " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	}
	return &api.Error{
		Code: api.CodeUsage, Message: fmt.Sprintf("no kind has an option %q", name),
		State: "nothing has changed", Hint: hint,
	}
}

// knownOptions returns the values that each option takes, by its full name.
func knownOptions(drivers []kind.Driver) map[string][]string {
	known := make(map[string][]string)
	for _, d := range drivers {
		if c, ok := d.(kind.Configurable); ok {
			for _, o := range c.Options() {
				known[d.Kind()+"."+o.Key] = o.Values
			}
		}
	}
	return known
}

// lastingOptions selects the options that an undo is done under as well.
func lastingOptions(drivers []kind.Driver, options map[string]string) map[string]string {
	lasting := make(map[string]string)
	for _, d := range drivers {
		c, ok := d.(kind.Configurable)
		if !ok {
			continue
		}
		for _, o := range c.Options() {
			if value, given := options[d.Kind()+"."+o.Key]; given && o.Lasting {
				lasting[d.Kind()+"."+o.Key] = value
			}
		}
	}
	return lasting
}

// merged returns all options; those of later maps win.
func merged(all ...map[string]string) map[string]string {
	options := make(map[string]string)
	for _, some := range all {
		maps.Copy(options, some)
	}
	return options
}
