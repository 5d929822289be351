package git

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"dogear/internal/proc"
)

// program runs git in one worktree, with everything switched off that could
// run other programs, reach the network, or write what nobody asked for: the
// configuration of a repository is somebody else's code.
type program struct {
	root    string
	owner   *proc.Credential
	filters []string // names of the filters that the configuration defines
}

// armour is the configuration that every command runs under.
var armour = []string{
	"core.hooksPath=/dev/null", "core.fsmonitor=false", "core.pager=cat", "core.editor=false",
	"core.sshCommand=false", "core.askPass=false", "credential.helper=", "protocol.allow=never",
	"gc.auto=0", "maintenance.auto=false", "submodule.recurse=false", "commit.gpgSign=false",
}

func newProgram(ctx context.Context, root string) (*program, error) {
	owner, err := proc.OwnerOf(root)
	if err != nil {
		return nil, err
	}
	g := &program{root: root, owner: owner}
	// Exit code 1 says that there are none.
	out, err := g.run(ctx, "config", "-z", "--name-only", "--get-regexp", `^filter\.`)
	if err != nil && exitCode(err) != 1 {
		return nil, fmt.Errorf("list filters: %w", err)
	}
	for key := range strings.SplitSeq(string(out), "\x00") {
		if end := strings.LastIndexByte(key, '.'); end > len("filter.") {
			g.filters = append(g.filters, key[len("filter."):end])
		}
	}
	return g, nil
}

// run runs one git command and returns its output.
func (g *program) run(ctx context.Context, args ...string) ([]byte, error) {
	return proc.Run(ctx, g.command(args...))
}

func (g *program) command(args ...string) proc.Command {
	var all []string
	for _, setting := range armour {
		all = append(all, "-c", setting)
	}
	for _, name := range g.filters {
		for _, key := range []string{"clean=", "smudge=", "process=", "required=false"} {
			all = append(all, "-c", "filter."+name+"."+key)
		}
	}
	return proc.Command{
		Name: "git", Args: append(all, args...), Dir: g.root, Owner: g.owner, Drop: []string{"GIT_"},
		Env: []string{
			"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_NO_LAZY_FETCH=1", "GIT_LFS_SKIP_SMUDGE=1",
			"GIT_CEILING_DIRECTORIES=" + filepath.Dir(g.root),
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=" + g.root,
		},
	}
}

func exitCode(err error) int {
	var failed *proc.Error
	if errors.As(err, &failed) {
		return failed.Code()
	}
	return -1
}
