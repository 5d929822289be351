package rdb

import (
	"slices"
	"strconv"
	"strings"
)

// longest is how many bytes of a value are shown.
const longest = 120

// glance is the beginning of a value, as people read it.
type glance struct {
	members []string
	size    int
	cut     bool // there is more
}

// see notes a member of a value, or a piece of a string.
func (in *input) see(parts ...[]byte) {
	g := in.glance
	if g == nil || g.cut {
		return
	}
	var shown []string
	for _, p := range parts {
		if left := max(0, longest-g.size); len(p) > left {
			p, g.cut = p[:left], true
		}
		g.size += len(p) + len(`"" `)
		shown = append(shown, string(p))
	}
	g.members = append(g.members, strings.Join(quoted(shown), "="))
}

// quoted leaves a number as it is.
func quoted(texts []string) []string {
	for i, t := range texts {
		if _, err := strconv.ParseInt(t, 10, 64); err != nil {
			texts[i] = `"` + strings.ReplaceAll(t, `"`, `""`) + `"`
		}
	}
	return texts
}

// text is what was seen. What has no order is sorted, or not shown: the same
// value is always the same text.
func (g *glance) text(t Type) string {
	switch {
	case t == String || t == List:
	case g.cut:
		return ""
	default:
		slices.Sort(g.members)
	}
	text := strings.Join(g.members, " ")
	if t != String {
		text = "[" + text + "]"
	}
	if g.cut {
		text += "…"
	}
	return text
}
