package git

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	if target, err := linkTarget(filepath.Join(item.Root, ".git")); err == nil {
		add("the git directory of this worktree", target)
	}
	for _, gitDir := range s.dirs {
		for _, path := range alternates(filepath.Join(item.Root, gitDir, "objects")) {
			if !within(workspace, path) {
				add("alternates in "+gitDir, path)
			}
		}
		config, err := s.config(ctx, gitDir)
		if err != nil {
			return nil, err
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

// alternates reads objects/info/alternates (gitrepository-layout(5)).
func alternates(objects string) []string {
	content, err := os.ReadFile(filepath.Join(objects, "info", "alternates"))
	if err != nil {
		return nil
	}
	var paths []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			paths = append(paths, absolute(objects, line))
		}
	}
	return paths
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
