package git

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"dogear/kind"
)

// stateFiles are the files and directories of a git directory for which this
// driver's facts speak. The list need not be complete: what it does not name
// (also what other tools put there) is compared byte by byte.
var stateFiles = []string{
	"HEAD", "packed-refs", "refs", "logs", "reftable", "shallow", "config", "config.worktree",
	"index", "sharedindex.*",
	"ORIG_HEAD", "FETCH_HEAD", "MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "AUTO_MERGE", "MERGE_RR", "SQUASH_MSG",
	"CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_*", "NOTES_MERGE_*",
	"sequencer", "rebase-merge", "rebase-apply",
}

// churn is what git rewrites by itself without changing what the repository
// means: repacking, garbage collection, lists for dumb servers.
var churn = []string{"objects", "info/refs", "gc.log"}

// transient is what belongs to a git command that runs, or that was killed.
// It is neither captured nor touched. Names of refs never end in ".lock".
var transient = []string{
	"*.lock", "refs/*.lock", "refs/*/*.lock", "refs/*/*/*.lock", "refs/*/*/*/*.lock", "refs/*/*/*/*/*.lock",
	"gc.pid", "fsmonitor--daemon*",
	"objects/tmp_*", "objects/*/tmp_*", "objects/*/.tmp-*", "objects/*.lock", "objects/info/*.lock", "objects/info/*/*.lock",
}

// first is what has to be read before the objects that it names: an object
// that is read later is there, one that was read earlier may not have been.
var first = []string{"HEAD", "packed-refs", "refs", "logs", "reftable", "shallow", "index", "sharedindex.*", "rebase-merge", "rebase-apply", "sequencer", "*_HEAD"}

// patterns returns the given names in each of the git directories.
func patterns(dirs []string, names ...[]string) []kind.Pattern {
	var all []kind.Pattern
	for _, dir := range dirs {
		for _, list := range names {
			for _, name := range list {
				all = append(all, kind.Pattern(literal(dir)+"/"+name))
			}
		}
	}
	return all
}

// claimed returns the paths for which the facts of this driver speak, or that
// git changes without changing the state.
func claimed(dirs []string) []kind.Pattern { return patterns(dirs, stateFiles, churn) }

// literal escapes the wildcards in a path.
func literal(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// gitDirs lists the git directories of a repository relative to its root:
// ".git", then those of its linked worktrees and submodules. It is empty if
// .git is no directory.
func gitDirs(root string) ([]string, error) {
	if !isGitDir(filepath.Join(root, ".git")) {
		return nil, nil
	}
	return appendGitDirs(nil, root, ".git")
}

func appendGitDirs(dirs []string, root, dir string) ([]string, error) {
	dirs = append(dirs, dir)
	linked, err := subdirectories(root, path.Join(dir, "worktrees"))
	if err != nil {
		return nil, err
	}
	for _, dir := range linked {
		dirs = append(dirs, dir)
		if dirs, err = appendModules(dirs, root, path.Join(dir, "modules")); err != nil {
			return nil, err
		}
	}
	return appendModules(dirs, root, path.Join(dir, "modules"))
}

// appendModules descends as far as needed: a submodule's name may have
// slashes, and a submodule may have submodules.
func appendModules(dirs []string, root, parent string) ([]string, error) {
	children, err := subdirectories(root, parent)
	if err != nil {
		return nil, err
	}
	for _, child := range children {
		if isGitDir(filepath.Join(root, child)) {
			dirs, err = appendGitDirs(dirs, root, child)
		} else {
			dirs, err = appendModules(dirs, root, child)
		}
		if err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

func subdirectories(root, parent string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(root, parent))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, entry := range entries {
		if entry.IsDir() {
			dirs = append(dirs, path.Join(parent, entry.Name()))
		}
	}
	return dirs, nil
}
