package git

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/proc"
	"dogear/kind"
)

// repo is a real repository in a temporary directory.
type repo struct {
	t     *testing.T
	root  string
	newer string // the git that is run, unless "": the first on the PATH
}

func newRepo(t *testing.T, initArgs ...string) repo {
	t.Helper()
	return initRepo(t, filepath.Join(t.TempDir(), "work"), initArgs...)
}

func initRepo(t *testing.T, root string, initArgs ...string) repo {
	t.Helper()
	require.NoError(t, os.MkdirAll(root, 0o755))
	r := repo{t: t, root: root}
	r.git(append([]string{"init", "-q", "-b", "main"}, initArgs...)...)
	return r
}

// newHistory is a repository with three commits and a second branch.
func newHistory(t *testing.T, initArgs ...string) repo {
	t.Helper()
	r := newRepo(t, initArgs...)
	r.fillHistory()
	return r
}

func (r repo) fillHistory() {
	r.t.Helper()
	for _, text := range []string{"one\n", "one\ntwo\n", "one\ntwo\nthree\n"} {
		r.write("notes.txt", text)
		r.write("src/app.go", "package app // "+text)
		r.git("add", ".")
		r.git("commit", "-q", "-m", "write "+strings.Fields(text)[0])
	}
	r.git("branch", "topic", "HEAD~1")
}

// git runs git with fixed names and times, so that ids are the same always.
func (r repo) git(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	require.NoError(r.t, err, args)
	return out
}

func (r repo) try(args ...string) (string, error) {
	return r.run("git", args...)
}

var testEnvironment = []string{
	"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_EDITOR=true",
	"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_AUTHOR_DATE=1700000000 +0000",
	"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.org", "GIT_COMMITTER_DATE=1700000000 +0000",
}

// run runs a program with an environment of its own.
func (r repo) run(name string, args ...string) (string, error) {
	env := testEnvironment
	if r.newer != "" {
		env = append(slices.Clip(env), "PATH="+filepath.Dir(r.newer)+":"+os.Getenv("PATH"))
		if name == "git" {
			name = r.newer
		}
	}
	out, err := proc.Run(r.t.Context(), proc.Command{Name: name, Args: args, Dir: r.root, Drop: []string{"GIT_"}, Env: env})
	return strings.TrimSuffix(string(out), "\n"), err
}

func (r repo) write(name, content string) {
	r.t.Helper()
	file := filepath.Join(r.root, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(r.t, os.WriteFile(file, []byte(content), 0o644))
}

func (r repo) state() *state {
	r.t.Helper()
	s, err := readState(r.root)
	require.NoError(r.t, err)
	return s
}

// facts are the facts of the repository's state, by name.
func (r repo) facts() map[string]string {
	r.t.Helper()
	facts, err := r.state().facts(r.t.Context(), redact)
	require.NoError(r.t, err)
	return byName(r.t, facts)
}

func redact(secret string) string { return digest([]byte("key" + secret))[:16] }

func byName(t *testing.T, facts []kind.Fact) map[string]string {
	t.Helper()
	named := map[string]string{}
	for _, f := range facts {
		require.NotContains(t, named, f.Name)
		named[f.Name] = f.Value
	}
	return named
}

// changed lists the names of the facts in which two sets differ.
func changed(before, after map[string]string) []string {
	var names []string
	for name, value := range before {
		if after[name] != value {
			names = append(names, name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}
