package dbdiff

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"dogear/kind"
)

// Explanations yields what explain returns, sorted by fact.
func Explanations(explain func() ([]kind.Explanation, error)) iter.Seq2[kind.Explanation, error] {
	return func(yield func(kind.Explanation, error) bool) {
		all, err := explain()
		if err != nil {
			yield(kind.Explanation{}, err)
			return
		}
		slices.SortFunc(all, func(a, b kind.Explanation) int { return kind.CompareNames(a.Fact, b.Fact) })
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// change is a row that only one side has, or both with other values.
type change struct{ was, is *row }

func (c change) row() *row {
	if c.was != nil {
		return c.was
	}
	return c.is
}

// describe says what was found.
func (c *comparison) describe(e *kind.Explanation) {
	if c.many {
		e.Summary = fmt.Sprintf("%s gone, %d new: too many to match them", counted(c.goneCount, c.Noun), c.comeCount)
		return
	}
	changes, changed := c.match()
	e.Summary = fmt.Sprintf("%s added, %d removed, %d changed", counted(int64(len(c.added)-changed), c.Noun), len(c.removed)-changed, changed)
	if !c.how.Details {
		return
	}
	for _, ch := range changes {
		if len(e.Lines) == kind.MaxLines || ch.row().fields == nil {
			e.More++
			continue
		}
		e.Lines = append(e.Lines, c.line(ch))
	}
}

// match pairs the rows that have the same key, and sorts by it.
func (c *comparison) match() (changes []change, changed int) {
	byKey := make(map[rowDigest]*row)
	for i := range c.added {
		if r := &c.added[i]; r.key != "" {
			byKey[r.id] = r
		}
	}
	paired := make(map[*row]bool)
	for i := range c.removed {
		ch := change{was: &c.removed[i]}
		if r := byKey[ch.was.id]; r != nil && ch.was.key != "" && !paired[r] {
			ch.is, paired[r] = r, true
			changed++
		}
		changes = append(changes, ch)
	}
	for i := range c.added {
		if !paired[&c.added[i]] {
			changes = append(changes, change{is: &c.added[i]})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.row().compare(*b.row()) })
	return changes, changed
}

func (c *comparison) line(ch change) string {
	switch {
	case ch.is == nil:
		return "- " + c.shown(ch.was)
	case ch.was == nil:
		return "+ " + c.shown(ch.is)
	}
	return "~ " + ch.was.key + ": " + c.changes(ch.was, ch.is)
}

// shown shows a row: by its key if that is enough to find it.
func (c *comparison) shown(r *row) string {
	var parts []string
	if r.key != "" {
		parts = append(parts, r.key)
	}
	for i, f := range r.fields {
		name := c.columns[i]
		switch {
		case slices.Contains(c.Key, name):
		case c.shows(name):
			parts = append(parts, kind.Printable(name)+"="+f.text)
		case r.key == "":
			parts = append(parts, kind.Printable(name)+"=***")
		}
	}
	return strings.Join(parts, " ")
}

// changes names the columns that differ, with their values if those are shown.
func (c *comparison) changes(was, is *row) string {
	var parts []string
	for i := range min(len(was.fields), len(is.fields)) {
		if was.fields[i].sum == is.fields[i].sum {
			continue
		}
		part := kind.Printable(c.columns[i])
		if c.shows(c.columns[i]) {
			part += "=" + was.fields[i].text + " -> " + is.fields[i].text
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
