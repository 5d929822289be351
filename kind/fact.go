package kind

import (
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
)

// Fact is one canonical, comparable statement about an item. The same state
// yields the same facts on every machine and at every time.
//
// Name is bytes, not text: it may hold any byte but NUL. Use Printable to
// show it. Value is either free text or a list of attributes as written by
// Attributes ("file mode=0644 size=12 sha256=9f…"). Values that may be secret
// are given as Workspace.Redact makes them.
type Fact struct {
	Name  string
	Value string
}

// Facts is a stream of facts in the order of CompareNames, no name twice.
type Facts = iter.Seq2[Fact, error]

// CompareNames orders fact names and paths: byte by byte, with the slash
// before every other byte, so that a directory's entries follow it directly.
func CompareNames(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] == b[i] {
			continue
		}
		if a[i] == '/' {
			return -1
		}
		if b[i] == '/' {
			return 1
		}
		if a[i] < b[i] {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

// SortFacts sorts facts in place, as a stream of facts has to be.
func SortFacts(facts []Fact) {
	sort.SliceStable(facts, func(i, j int) bool { return CompareNames(facts[i].Name, facts[j].Name) < 0 })
}

// Stream sorts facts and returns them as a stream.
func Stream(facts []Fact) Facts {
	SortFacts(facts)
	return func(yield func(Fact, error) bool) {
		for _, f := range facts {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// FailedFacts is the stream that consists of one error.
func FailedFacts(err error) Facts {
	return func(yield func(Fact, error) bool) { yield(Fact{}, err) }
}

// Merge merges sorted streams into one. The streams have no name in common.
func Merge(streams ...Facts) Facts {
	switch len(streams) {
	case 0:
		return func(func(Fact, error) bool) {}
	case 1:
		return streams[0]
	}
	left, right := streams[0], Merge(streams[1:]...)
	return func(yield func(Fact, error) bool) { merge(left, right, yield) }
}

func merge(left, right Facts, yield func(Fact, error) bool) {
	next, stop := iter.Pull2(right)
	defer stop()
	r, rerr, more := next()
	for l, lerr := range left {
		for more && rerr == nil && lerr == nil && CompareNames(r.Name, l.Name) < 0 {
			if !yield(r, nil) {
				return
			}
			r, rerr, more = next()
		}
		if !yield(l, lerr) {
			return
		}
	}
	for more {
		if !yield(r, rerr) {
			return
		}
		r, rerr, more = next()
	}
}

// Attributes writes a list of attributes as a fact's value: the type word,
// then key=value pairs in the given order, those with an empty value left
// out. Spaces, backslashes and unprintable bytes in values are escaped.
func Attributes(word string, pairs ...string) string {
	var b strings.Builder
	b.WriteString(word)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		b.WriteByte(' ')
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(strings.ReplaceAll(Printable(pairs[i+1]), " ", `\x20`))
	}
	return b.String()
}

// Substance is a value made of attributes without those that say by whom and
// when something may be used, or was: mode, owner, times, extended attributes,
// other names.
func Substance(value string) string {
	words := strings.Split(value, " ")
	if len(words) < 2 || !areAttributes(words[1:]) {
		return value
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool {
		name, _, ok := strings.Cut(w, "=")
		return ok && (slices.Contains(circumstances, name) || strings.HasPrefix(name, "xattr."))
	}), " ")
}

var circumstances = []string{"mode", "uid", "gid", "mtime", "link"}

// Contrast shortens two values that are lists of attributes to those in which
// they differ. Other values come back as they are.
func Contrast(want, have string) (string, string) {
	w, h := strings.Split(want, " "), strings.Split(have, " ")
	if len(w) < 2 || len(h) < 2 || w[0] != h[0] || !areAttributes(w[1:]) || !areAttributes(h[1:]) {
		return want, have
	}
	return strings.Join(without(w, h), " "), strings.Join(without(h, w), " ")
}

func areAttributes(words []string) bool {
	for _, w := range words {
		if !strings.Contains(w, "=") {
			return false
		}
	}
	return true
}

func without(words, others []string) []string {
	known := make(map[string]bool, len(others))
	for _, o := range others {
		known[o] = true
	}
	var rest []string
	for _, w := range words {
		if !known[w] {
			rest = append(rest, w)
		}
	}
	return rest
}

// Printable returns s with backslashes, control characters and bytes that are
// no UTF-8 escaped (\\, \x0a, \xff), so that it can be shown and put in JSON
// without loss.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		if r < 0x20 || r == 0x7f || r == '\\' || r == 0xfffd {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	return escape(s)
}

func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == 0xfffd && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
