package git

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"dogear/kind"
)

// pathKeys are the configuration keys whose value is a path on which the
// repository depends.
var pathKeys = []string{"core.worktree", "core.hookspath", "core.excludesfile", "core.attributesfile", "include.path"}

// outsideGaps lists what the repository is made of that lies neither in its
// tree nor anywhere else in the workspace, and so is not in the snapshot.
func outsideGaps(ctx context.Context, workspace string, item kind.Item, s *state) ([]kind.Gap, error) {
	var gaps []kind.Gap
	add := func(what, path string) {
		gaps = append(gaps, kind.Gap{Part: item.ID, What: what, Why: "it is outside the workspace: " + path})
	}
	if target, err := linkTarget(filepath.Join(item.Root, ".git")); err == nil && !within(workspace, target) {
		add("the git directory of this worktree", target)
	}
	for _, gitDir := range s.dirs {
		if link, err := readBelowRoot(item.Root, gitDir+"/gitdir"); err == nil {
			if file := absolute(filepath.Join(item.Root, gitDir), strings.TrimSpace(string(link))); !within(workspace, file) && !hasFilesAt(workspace, item.Claims, filepath.Dir(file)) {
				add("the files of the linked worktree "+filepath.Base(gitDir), filepath.Dir(file))
			}
		}
		for _, path := range lenders(filepath.Join(item.Root, gitDir, "objects")) {
			if !within(workspace, path) {
				add("the objects that "+gitDir+" borrows, without which it is not whole", path)
			}
		}
		config, err := s.config(ctx, gitDir)
		if err != nil {
			return nil, err
		}
		for _, remote := range config.promisors() {
			gaps = append(gaps, kind.Gap{Part: item.ID, What: "the objects that " + gitDir + " has not fetched",
				Why: "it is a partial clone: they are only in its remote " + kind.Printable(remote)})
		}
		for _, key := range config.pathKeys() {
			for _, value := range config[key] {
				if path := configPath(filepath.Join(item.Root, gitDir), key, value); !within(workspace, path) {
					add(fmt.Sprintf("%s in %s", key, gitDir), path)
				}
			}
		}
	}
	return gaps, nil
}

// lenders lists the directories of objects that one borrows from, also those
// that these borrow from.
func lenders(objects string) []string {
	var all []string
	for next := []string{objects}; len(next) > 0; {
		dir := next[0]
		next = next[1:]
		for _, path := range alternates(dir) {
			if !slices.Contains(all, path) {
				all, next = append(all, path), append(next, path)
			}
		}
	}
	return all
}

// alternates reads objects/info/alternates (gitrepository-layout(5)).
func alternates(objects string) []string {
	content, err := os.ReadFile(filepath.Join(objects, "info", "alternates"))
	if err != nil {
		return nil
	}
	var paths []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		if unquoted, err := strconv.Unquote(line); err == nil {
			line = unquoted
		}
		if line != "" && line[0] != '#' {
			paths = append(paths, absolute(objects, line))
		}
	}
	return paths
}

// promisors lists the remotes that a partial clone fetches from when it needs to.
func (c config) promisors() []string {
	remotes := slices.Clone(c["extensions.partialclone"])
	for key := range c {
		name, isRemote := strings.CutPrefix(key, "remote.")
		if name, promises := strings.CutSuffix(name, ".promisor"); isRemote && promises {
			remotes = append(remotes, name)
		}
	}
	slices.Sort(remotes)
	return slices.Compact(remotes)
}

func (c config) pathKeys() []string {
	keys := slices.Clone(pathKeys)
	for key := range c {
		if strings.HasPrefix(key, "includeif.") && strings.HasSuffix(key, ".path") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// configPath resolves a path as git does: includes and core.worktree from the
// git directory, the others from the worktree.
func configPath(gitDir, key, value string) string {
	if strings.HasPrefix(value, "~") {
		return value
	}
	if key == "core.worktree" || strings.HasPrefix(key, "include") {
		return absolute(gitDir, value)
	}
	return absolute(filepath.Dir(gitDir), value)
}
