package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"strconv"
	"strings"

	"dogear/kind"
)

// facts says what the state means. The facts of the repository itself bear
// plain names (HEAD, refs/heads/main), those of its linked worktrees and
// submodules follow their directory ("worktrees/fix: HEAD").
func (s *state) facts(ctx context.Context, redact func(string) string) ([]kind.Fact, error) {
	var all []kind.Fact
	for _, gitDir := range s.dirs {
		facts, err := s.dirFacts(ctx, gitDir, redact)
		if err != nil {
			return nil, err
		}
		prefix := factPrefix(gitDir)
		for _, f := range facts {
			all = append(all, kind.Fact{Name: prefix + f.Name, Value: f.Value})
		}
	}
	return all, nil
}

func factPrefix(gitDir string) string {
	if gitDir == ".git" {
		return ""
	}
	return strings.TrimPrefix(gitDir, ".git/") + ": "
}

func (s *state) dirFacts(ctx context.Context, gitDir string, redact func(string) string) ([]kind.Fact, error) {
	config, err := s.config(ctx, gitDir)
	if err != nil {
		return nil, err
	}
	facts := config.facts(redact)
	facts = append(facts, s.refFacts(gitDir)...)
	facts = append(facts, s.logFacts(gitDir)...)
	facts = append(facts, s.fileFacts(gitDir)...)
	facts = append(facts, s.indexFacts(gitDir)...)
	if operation := s.operation(gitDir); operation != "" {
		facts = append(facts, kind.Fact{Name: "operation", Value: operation})
	}
	return facts, nil
}

// fileFacts are the state files that no other fact speaks for.
func (s *state) fileFacts(gitDir string) []kind.Fact {
	var facts []kind.Fact
	for _, name := range s.names(gitDir, "") {
		if !isPlainState(name) || s.inDeeperDir(gitDir, name) {
			continue
		}
		entry := s.files[path.Join(gitDir, name)]
		facts = append(facts, kind.Fact{Name: "state " + name, Value: describe(entry)})
	}
	return facts
}

func isPlainState(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	switch top {
	case "HEAD", "packed-refs", "refs", "logs", "config", "config.worktree", "index":
		return false
	}
	return !strings.HasPrefix(top, "sharedindex.")
}

// inDeeperDir reports whether a file belongs to a git directory inside this one.
func (s *state) inDeeperDir(gitDir, name string) bool {
	full := path.Join(gitDir, name)
	for _, other := range s.dirs {
		if len(other) > len(gitDir) && strings.HasPrefix(full, other+"/") {
			return true
		}
	}
	return false
}

// describe shows a file that holds nothing but an object id as that id.
func describe(entry stateEntry) string {
	if entry.link {
		return "link to " + kind.Printable(string(entry.content))
	}
	if text := string(bytes.TrimSuffix(entry.content, []byte("\n"))); isObjectID(text) {
		return text
	}
	return kind.Attributes("file", "size", strconv.Itoa(len(entry.content)), "sha256", digest(entry.content))
}

func digest(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// isObjectID accepts the ids of SHA-1 and of SHA-256 repositories.
func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
