package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/proc"
	"dogear/internal/tree"
	"dogear/kind"
)

// stashEntry is one line of the log of stashes.
type stashEntry struct{ id, message string }

// stashEntries lists the stashes of a repository, the newest first.
func stashEntries(s *state, gitDir string) []stashEntry {
	log, _ := s.content(gitDir, "logs/refs/stash")
	var all []stashEntry
	for _, line := range slices.Backward(slices.Collect(bytes.Lines(log))) {
		header, message, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), "\t")
		if ids := strings.SplitN(header, " ", 3); len(ids) > 1 && isObjectID(ids[1]) {
			all = append(all, stashEntry{id: ids[1], message: message})
		}
	}
	return all
}

func stashes(s *state, gitDir string) []string {
	var ids []string
	for _, e := range stashEntries(s, gitDir) {
		ids = append(ids, e.id)
	}
	return ids
}

// findUnnamed names the commits that were made since and undone again: only
// logs know of them.
func (c *comparison) findUnnamed(ctx context.Context, keeps []keep) error {
	candidates := logged(c.live, c.dir)
	for id := range logged(c.before, c.dir) {
		delete(candidates, id)
	}
	there, err := c.existing(ctx, slices.Sorted(maps.Keys(candidates)))
	if err != nil || len(there) == 0 {
		return err
	}
	var revisions strings.Builder
	for _, id := range there {
		fmt.Fprintln(&revisions, id)
	}
	for _, id := range c.known {
		fmt.Fprintln(&revisions, "^"+id)
	}
	for _, k := range keeps {
		fmt.Fprintln(&revisions, "^"+k.id)
	}
	command := c.git.command("rev-list", "--stdin", "--abbrev-commit", "--abbrev=10")
	command.Stdin = strings.NewReader(revisions.String())
	out, err := proc.Run(ctx, command)
	if err != nil {
		return fmt.Errorf("list commits that were undone: %w", err)
	}
	if ids := strings.Fields(string(out)); len(ids) > 0 {
		c.unnamed = append(c.unnamed, fmt.Sprintf("%s that no branch has any more: %s", commits{len(ids)}, someOf(ids)))
	}
	return nil
}

// logged returns the ids in the logs of a repository and its linked worktrees,
// but for those of stashes.
func logged(s *state, gitDir string) map[string]bool {
	ids := map[string]bool{}
	for name, entry := range s.files {
		rest, ok := strings.CutPrefix(name, gitDir+"/")
		if !ok || !strings.HasPrefix(rest, "logs/") && !kind.Pattern("worktrees/*/logs").Match(rest) || path.Base(rest) == "stash" {
			continue
		}
		for line := range bytes.Lines(entry.content) {
			if fields := bytes.Fields(line); len(fields) > 1 && isObjectID(string(fields[1])) {
				ids[string(fields[1])] = true
			}
		}
	}
	return ids
}

// uncommitted names the files in the repository's worktrees that hold what was
// neither committed nor captured.
func uncommitted(ctx context.Context, live *state, part kind.Part, source kind.Source) ([]string, error) {
	worktrees, err := live.worktrees(ctx, part.Root)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, dir := range worktrees {
		some, err := changedIn(ctx, part.Root, dir)
		if err != nil {
			return nil, fmt.Errorf("look for changes in %s: %w", kind.Printable(dir), err)
		}
		paths = append(paths, some...)
	}
	if len(paths) == 0 {
		return nil, nil
	}
	lost, err := notIn(ctx, part, source, paths)
	if err != nil || len(lost) == 0 {
		return nil, err
	}
	return []string{"changes that were not committed, in " + someOf(lost)}, nil
}

// changedIn lists what git sees changed or untracked in a worktree, relative
// to root. A repository that git cannot read has no changes that it sees.
func changedIn(ctx context.Context, root, dir string) ([]string, error) {
	git, err := newProgram(ctx, dir)
	if exitCode(err) > 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out, err := git.run(ctx, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=all")
	if exitCode(err) > 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	prefix, err := filepath.Rel(root, dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range splitNUL(out) {
		if len(entry) > 3 && !strings.HasSuffix(entry, "/") {
			paths = append(paths, path.Join(filepath.ToSlash(prefix), entry[3:]))
		}
	}
	return paths, nil
}

// notIn lists those paths whose live content the part does not have there.
func notIn(ctx context.Context, part kind.Part, source kind.Source, paths []string) ([]string, error) {
	left := make(map[string]bool, len(paths))
	for _, p := range paths {
		left[p] = true
	}
	manifest, err := manifestOf(part)
	if err != nil {
		return nil, err
	}
	for e, err := range tree.ReadManifest(ctx, source, manifest) {
		if err != nil {
			return nil, err
		}
		if left[e.Path] && isStill(part.Root, e) {
			delete(left, e.Path)
		}
	}
	var lost []string
	for _, p := range slices.Sorted(maps.Keys(left)) {
		if _, err := os.Lstat(filepath.Join(part.Root, p)); err == nil {
			lost = append(lost, kind.Printable(p))
		}
	}
	return lost, nil
}

// isStill reports whether a live file has the content of a captured one. Of a
// paged one the digest is another, and it counts as changed.
func isStill(root string, e tree.Entry) bool {
	full := filepath.Join(root, e.Path)
	if e.Type == tree.Symlink {
		target, err := os.Readlink(full)
		return err == nil && target == e.Target
	}
	if info, err := os.Lstat(full); err != nil || e.Type != tree.Regular || !info.Mode().IsRegular() || info.Size() != e.Size {
		return false
	}
	f, err := os.Open(full)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false
	}
	return [sha256.Size]byte(h.Sum(nil)) == e.Digest
}
