package kindtest

import (
	"slices"
	"strings"

	"dogear/kind"
)

// Differences compares facts and says how each of those that differ does, as
// Mutation.Want does.
func Differences(before, after []kind.Fact) map[string]string {
	differences := make(map[string]string)
	old := make(map[string]string, len(before))
	for _, f := range before {
		old[f.Name] = f.Value
	}
	for _, f := range after {
		value, ok := old[f.Name]
		delete(old, f.Name)
		switch {
		case !ok:
			differences[kind.Printable(f.Name)] = "added"
		case value != f.Value:
			differences[kind.Printable(f.Name)] = contrast(value, f.Value)
		}
	}
	for name := range old {
		differences[kind.Printable(name)] = "removed"
	}
	return differences
}

// contrast returns the keys of the attributes that differ.
func contrast(before, after string) string {
	b, a := strings.Split(before, " "), strings.Split(after, " ")
	if b[0] != a[0] && isList(b) && isList(a) {
		return "type"
	}
	short, other := kind.Contrast(before, after)
	if short == before && other == after {
		return "value"
	}
	var keys []string
	for _, word := range strings.Fields(short + " " + other) {
		key, _, _ := strings.Cut(word, "=")
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return strings.Join(keys, " ")
}

// isList reports whether the words of a value are a type and attributes.
func isList(words []string) bool {
	return !strings.Contains(words[0], "=") && !slices.ContainsFunc(words[1:], func(w string) bool {
		return !strings.Contains(w, "=")
	})
}
