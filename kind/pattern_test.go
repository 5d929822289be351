package kind_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		match, leads  bool
	}{
		{"a/b", "a/b", true, false},
		{"a/b", "a/b/c", true, false},
		{"a/b", "a", false, true},
		{"a/b", "", false, true},
		{"a/b", "ab", false, false},
		{"a/b", "b", false, false},
		{"a/b", "a/c", false, false},
		{"a/*.lock", "a/x.lock", true, false},
		{"a/*.lock", "a/x", false, false},
		{"*/b", "x/b", true, false},
		{"*/b", "x", false, true},
		{"?/b", "x/b", true, false},
		{"[x-z]/b", "y/b", true, false},
		{`\*/b`, "*/b", true, false},
		{`\*/b`, "x/b", false, false},
		{"a/*/c", "a/b", false, true},
		{"a/*/c", "x/b", false, false},
		{"**/c", "a/b/c", true, true},
		{"**/c", "a/b", false, true},
	} {
		require.Equal(t, c.match, kind.Pattern(c.pattern).Match(c.name), "%s matches %s", c.pattern, c.name)
		require.Equal(t, c.leads, kind.Pattern(c.pattern).LeadsThrough(c.name), "%s leads through %s", c.pattern, c.name)
	}
}
