package git

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"dogear/kind"
)

// refFacts are HEAD and every ref.
func (s *state) refFacts(gitDir string) []kind.Fact {
	refs := s.refs(gitDir)
	if head, ok := s.files[gitDir+"/HEAD"]; ok {
		refs["HEAD"] = refValue(head)
	}
	tables := s.tableRefs(gitDir)
	if head := tables["HEAD"]; head != "" {
		refs["HEAD"] = head // the file is there for the sake of older versions of git
	}
	facts := make([]kind.Fact, 0, len(refs))
	for name, value := range refs {
		facts = append(facts, kind.Fact{Name: name, Value: value})
	}
	return append(facts, s.pseudoFacts(gitDir, tables)...)
}

// refs returns the refs by name: an object id, or "ref: name" for a symbolic
// ref. Those in tables go before loose ones, and these before packed ones.
func (s *state) refs(gitDir string) map[string]string {
	packed, _ := s.content(gitDir, "packed-refs")
	refs := parsePackedRefs(packed)
	for _, name := range s.names(gitDir, "refs") {
		refs[name] = refValue(s.files[gitDir+"/"+name])
	}
	for name, value := range s.tableRefs(gitDir) {
		if strings.HasPrefix(name, "refs/") {
			refs[name] = value
		}
	}
	return refs
}

func refValue(entry stateEntry) string {
	if entry.link {
		return "ref: " + kind.Printable(string(entry.content))
	}
	return kind.Printable(strings.TrimRight(string(entry.content), "\n"))
}

// parsePackedRefs reads packed-refs (gitrepository-layout(5)): lines of id
// and name. Comments, and the lines that say what a tag points to, repeat
// what is known.
func parsePackedRefs(content []byte) map[string]string {
	refs := map[string]string{}
	for line := range bytes.Lines(content) {
		id, name, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		if ok && isObjectID(id) && strings.HasPrefix(name, "refs/") {
			refs[name] = id
		}
	}
	return refs
}

// logFacts are the reflogs, and the stashes that the log of refs/stash lists.
func (s *state) logFacts(gitDir string) []kind.Fact {
	var facts []kind.Fact
	for _, name := range s.names(gitDir, "logs") {
		content := s.files[gitDir+"/"+name].content
		ref := strings.TrimPrefix(name, "logs/")
		facts = append(facts, kind.Fact{
			Name:  "reflog " + ref,
			Value: fmt.Sprintf("%d entries, %s", bytes.Count(content, []byte("\n")), digest(content)),
		})
		if ref == "refs/stash" {
			facts = append(facts, stashFacts(content)...)
		}
	}
	return facts
}

func stashFacts(log []byte) []kind.Fact {
	lines := slices.Collect(bytes.Lines(log))
	slices.Reverse(lines)
	var facts []kind.Fact
	for i, line := range lines {
		header, message, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), "\t")
		ids := strings.SplitN(header, " ", 3)
		if len(ids) < 2 {
			continue
		}
		facts = append(facts, kind.Fact{
			Name:  fmt.Sprintf("stash@{%d}", i),
			Value: ids[1] + " " + kind.Printable(message),
		})
	}
	return facts
}
