package git

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"dogear/internal/proc"
)

// program runs git in one worktree, with everything switched off that could
// run other programs, reach the network, or write what nobody asked for: the
// configuration of a repository is somebody else's code.
type program struct {
	root     string // of the worktree; commands run there
	gitDir   string // "": the one that git finds
	owner    *proc.Credential
	settings []setting // for the programs that the configuration names
	index    string    // in place of the repository's own, unless ""
}

type setting struct{ key, value string }

// armour is the configuration that every command runs under.
var armour = []setting{
	{"core.hooksPath", "/dev/null"}, {"core.fsmonitor", "false"}, {"core.pager", "cat"}, {"core.editor", "false"}, {"sequence.editor", "false"}, {"gpg.program", "false"},
	{"core.sshCommand", "false"}, {"core.askPass", "false"}, {"credential.helper", ""}, {"protocol.allow", "never"},
	{"gc.auto", "0"}, {"maintenance.auto", "false"}, {"submodule.recurse", "false"}, {"commit.gpgSign", "false"},
}

// surroundings are the variables that every command runs under. What they say
// goes over any configuration: a repository may well allow a protocol of its
// own (protocol.ext.allow), and fetch a missing object with it.
var surroundings = []string{
	"GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
	"GIT_CONFIG_NOSYSTEM=1", "GIT_LFS_SKIP_SMUDGE=1",
}

func newProgram(ctx context.Context, root string) (*program, error) {
	return newProgramAt(ctx, root, "")
}

// newProgramAt is newProgram for a git directory whose worktree need not be
// there.
func newProgramAt(ctx context.Context, root, gitDir string) (*program, error) {
	owner, err := proc.OwnerOf(root)
	if err != nil {
		return nil, err
	}
	g := &program{root: root, gitDir: gitDir, owner: owner}
	// Exit code 1 says that there are none.
	out, err := g.run(ctx, "config", "-z", "--name-only", "--get-regexp", `^(filter|hook)\.`)
	if err != nil && exitCode(err) != 1 {
		return nil, fmt.Errorf("list filters: %w", err)
	}
	for key := range strings.SplitSeq(string(out), "\x00") {
		g.settings = append(g.settings, disarm(key)...)
	}
	return g, nil
}

// disarm returns what switches off the filter or hook that a configuration
// key is about.
func disarm(key string) []setting {
	end := strings.LastIndexByte(key, '.')
	section, _, named := strings.Cut(key, ".")
	switch {
	case !named || end <= len(section):
		return nil
	case section == "hook": // of newer versions of git, which core.hooksPath does not stop
		return []setting{{key[:end] + ".enabled", "false"}}
	}
	name := key[:end]
	return []setting{{name + ".clean", ""}, {name + ".smudge", ""}, {name + ".process", ""}, {name + ".required", "false"}}
}

// run runs one git command and returns its output.
func (g *program) run(ctx context.Context, args ...string) ([]byte, error) {
	return proc.Run(ctx, g.command(args...))
}

// with is the same program with another index.
func (g *program) with(index string) *program {
	other := *g
	other.index = index
	return &other
}

func (g *program) command(args ...string) proc.Command {
	env := append([]string{"GIT_CEILING_DIRECTORIES=" + filepath.Dir(g.root)}, surroundings...)
	if g.gitDir != "" {
		env = append(env, "GIT_DIR="+g.gitDir, "GIT_WORK_TREE="+g.root)
	}
	if g.index != "" {
		env = append(env, "GIT_INDEX_FILE="+g.index)
	}
	return proc.Command{
		Name: "git", Args: args, Dir: g.root, Owner: g.owner, Drop: []string{"GIT_"},
		Env: append(env, g.configuration()...),
	}
}

// configuration gives the settings as variables. On the command line (-c) a
// name with a "=" in it would be cut in two, and a filter of such a name run.
func (g *program) configuration() []string {
	all := append(append([]setting{{"safe.directory", g.root}}, armour...), g.settings...)
	env := []string{"GIT_CONFIG_COUNT=" + strconv.Itoa(len(all))}
	for i, s := range all {
		n := strconv.Itoa(i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+s.key, "GIT_CONFIG_VALUE_"+n+"="+s.value)
	}
	return env
}

func exitCode(err error) int {
	var failed *proc.Error
	if errors.As(err, &failed) {
		return failed.Code()
	}
	return -1
}
