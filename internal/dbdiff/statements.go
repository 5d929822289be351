package dbdiff

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"dogear/kind"
)

// Statement is one of those that define a database.
type Statement struct {
	// Name tells what it defines, with the kind of that: "TABLE orders". A
	// statement of each side that have the same name are compared line by line.
	Name string
	Text string
	// Redacted is the text without what may be secret in it.
	Redacted string
}

func (s Statement) shown(how kind.Explaining) string {
	if how.Values {
		return s.Text
	}
	return s.Redacted
}

// Statements explains which statements only one of two states has; nil if they
// have the same.
func Statements(before, after []Statement, how kind.Explaining) *kind.Explanation {
	gone, come := onlyIn(before, after), onlyIn(after, before)
	if len(gone)+len(come) == 0 {
		return nil
	}
	e := &kind.Explanation{Fact: "schema", Summary: fmt.Sprintf("%s gone, %d new", counted(int64(len(gone)), "statement"), len(come))}
	named := make(map[string][]Statement)
	for _, st := range come {
		named[st.Name] = append(named[st.Name], st)
	}
	var lines []string
	for _, st := range gone {
		if others := named[st.Name]; len(others) > 0 && st.Name != "" {
			lines = append(lines, changedLines(st.shown(how), others[0].shown(how))...)
			named[st.Name] = others[1:]
			continue
		}
		lines = append(lines, signed("- ", st.shown(how))...)
	}
	for _, st := range come {
		if others := named[st.Name]; len(others) > 0 {
			lines = append(lines, signed("+ ", others[0].shown(how))...)
			named[st.Name] = others[1:]
		}
	}
	e.Lines = lines[:min(len(lines), kind.MaxLines)]
	e.More = int64(len(lines) - len(e.Lines))
	return e
}

// onlyIn returns the statements that the other list does not have, or not as
// often.
func onlyIn(list, other []Statement) []Statement {
	count := make(map[string]int)
	for _, st := range other {
		count[st.Text]++
	}
	var only []Statement
	for _, st := range list {
		if count[st.Text] > 0 {
			count[st.Text]--
			continue
		}
		only = append(only, st)
	}
	return only
}

// signed shows a statement that only one side has.
func signed(sign, text string) []string {
	var lines []string
	for line := range strings.SplitSeq(text+";", "\n") {
		lines = append(lines, sign+kind.Printable(line))
	}
	return lines
}

// comma is what a line gets when another one is added after it.
var comma = regexp.MustCompile(`(?m),$`)

func trimmed(text string) string { return comma.ReplaceAllString(text, "") + "\n" }

// changedLines shows the lines in which two statements differ, under the first
// of them.
func changedLines(was, is string) []string {
	first, _, several := strings.Cut(was, "\n")
	switch {
	case was == is:
		return []string{"~ " + kind.Printable(first) + " … (what may be secret in it has changed: --details --show-values shows it)"}
	case !several || !strings.Contains(is, "\n"):
		return append(signed("- ", was), signed("+ ", is)...)
	}
	was, is = trimmed(was), trimmed(is)
	if was == is { // in such a comma alone
		return []string{"~ " + kind.Printable(first) + " …"}
	}
	unified, err := udiff.ToUnified("", "", was, udiff.Lines(was, is), 0)
	if err != nil { // both are as they were given
		return append(signed("- ", was), signed("+ ", is)...)
	}
	lines := []string{"  " + kind.Printable(first)}
	for _, line := range strings.Split(strings.TrimSuffix(unified, "\n"), "\n")[2:] { // after the names of files
		if !strings.HasPrefix(line, "@@ ") {
			lines = append(lines, line[:1]+" "+kind.Printable(line[1:]))
		}
	}
	if lines[1] == "- "+kind.Printable(first) {
		return lines[1:]
	}
	return lines
}
