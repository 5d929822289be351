package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/internal/proc"
	"dogear/kind"
)

// config is a repository's own configuration: values by key, in the order of
// the file. Files that it includes are not read.
type config map[string][]string

// config reads the configuration of a git directory. The program reads the
// captured bytes from a pipe and opens no repository. A file that it cannot
// read is one value: such a repository can be captured all the same.
func (s *state) config(ctx context.Context, gitDir string) (config, error) {
	values := config{}
	for _, name := range []string{"config", "config.worktree"} {
		content, ok := s.content(gitDir, name)
		if !ok {
			continue
		}
		out, err := proc.Run(ctx, proc.Command{
			Name: "git", Args: []string{"config", "--file", "-", "--no-includes", "-z", "--list"},
			Dir: "/", Stdin: bytes.NewReader(content), Drop: []string{"GIT_"},
		})
		var failed *proc.Error
		switch {
		case errors.As(err, &failed):
			values["unreadable "+name] = []string{string(content)}
		case err != nil:
			return nil, fmt.Errorf("read %s/%s: %w", gitDir, name, err)
		}
		values.parse(out)
	}
	return values, nil
}

// parse reads the output of "git config -z --list": key, newline, value, NUL.
func (c config) parse(out []byte) {
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		if key != "" {
			c[key] = append(c[key], value)
		}
	}
}

// facts gives the values as digests: a URL may hold a password.
func (c config) facts(redact func(string) string) []kind.Fact {
	facts := make([]kind.Fact, 0, len(c))
	for key, values := range c {
		facts = append(facts, kind.Fact{Name: "config " + key, Value: redact(strings.Join(values, "\x00"))})
	}
	slices.SortFunc(facts, func(a, b kind.Fact) int { return kind.CompareNames(a.Name, b.Name) })
	return facts
}
