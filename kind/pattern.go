package kind

import (
	"path"
	"strings"
)

// Pattern selects paths of a tree. It is slash-separated and relative to the
// tree's root; each component may hold the wildcards of path.Match. A pattern
// that matches a directory selects all that is below it. A leading "**/"
// matches at any depth.
type Pattern string

// Match reports whether the pattern selects name, a slash-separated path
// relative to the tree's root.
func (p Pattern) Match(name string) bool {
	pattern := string(p)
	if rest, ok := strings.CutPrefix(pattern, "**/"); ok {
		return matchAnywhere(rest, name)
	}
	return matchPrefix(pattern, name)
}

func matchAnywhere(pattern, name string) bool {
	for {
		if matchPrefix(pattern, name) {
			return true
		}
		_, rest, ok := strings.Cut(name, "/")
		if !ok {
			return false
		}
		name = rest
	}
}

// matchPrefix matches pattern against as many leading components of name as
// the pattern has.
func matchPrefix(pattern, name string) bool {
	for {
		// Most patterns are of quite other paths than most names.
		if pattern != "" && name != "" && pattern[0] != name[0] && strings.IndexByte(`*?[\`, pattern[0]) < 0 {
			return false
		}
		p, restPattern, morePattern := strings.Cut(pattern, "/")
		n, restName, moreName := strings.Cut(name, "/")
		if ok, err := path.Match(p, n); err != nil || !ok {
			return false
		}
		if !morePattern {
			return true
		}
		if !moreName {
			return false
		}
		pattern, name = restPattern, restName
	}
}

// LeadsThrough reports whether the pattern may select something below the
// directory name without selecting name itself.
func (p Pattern) LeadsThrough(name string) bool {
	if strings.HasPrefix(string(p), "**/") || name == "" {
		return true
	}
	components := strings.Split(string(p), "/")
	depth := strings.Count(name, "/") + 1
	return depth < len(components) && matchPrefix(strings.Join(components[:depth], "/"), name)
}

// MatchAny reports whether one of the patterns selects name.
func MatchAny(patterns []Pattern, name string) bool {
	for _, p := range patterns {
		if p.Match(name) {
			return true
		}
	}
	return false
}
