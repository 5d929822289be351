package git

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/kind/kindtest"
)

// complete does what the engine does.
func complete(item kind.Item) kind.Item {
	for _, claim := range item.Claims {
		item.Claimed = append(item.Claimed, claim.Paths...)
	}
	return item
}

func TestConforms(t *testing.T) {
	r := newHistory(t)
	r.write("notes.txt", "stashed\n")
	r.git("stash", "push", "-q", "-m", "half done")
	kindtest.PlantTree(t, filepath.Join(r.root, "planted"))
	kindtest.Run(t, kindtest.Harness{
		Driver:    New(),
		Workspace: kindtest.Workspace(r.root),
		Item:      kind.ID{Kind: "git", Name: "."},
		Complete:  complete,
		Witness:   func(t *testing.T) any { return kindtest.Inodes(t, r.root) },
		Mutations: append(mutations(r), kindtest.TreeMutations(r.root, "planted", func(path string) string { return "./" + path })...),
		Same: []kindtest.Mutation{
			{Name: "status", Do: func(*testing.T) { r.git("status") }},
			{Name: "refresh", Do: func(*testing.T) { r.git("update-index", "-q", "--really-refresh") }},
			{Name: "repack", Do: func(*testing.T) { r.git("repack", "-adq"); r.git("pack-refs", "--all") }},
			{Name: "lock", Do: func(*testing.T) { r.write(".git/refs/heads/topic.lock", "") },
				Undo: func(t *testing.T) { require.NoError(t, os.Remove(filepath.Join(r.root, ".git/refs/heads/topic.lock"))) }},
		},
		Remove: func(t *testing.T) { require.NoError(t, os.RemoveAll(filepath.Join(r.root, ".git"))) },
	})
}

// mutations are changes of what a repository means.
func mutations(r repo) []kindtest.Mutation {
	change := func(name string, want map[string]string, args ...string) kindtest.Mutation {
		return kindtest.Mutation{Name: name, Want: want, Do: func(t *testing.T) { r.git(args...) }}
	}
	return []kindtest.Mutation{
		change("branch moved", map[string]string{"refs/heads/topic": "type", "reflog refs/heads/topic": "value"}, "branch", "-f", "topic", "main"),
		change("branch made", map[string]string{"refs/heads/new": "added", "reflog refs/heads/new": "added"}, "branch", "new"),
		change("branch deleted", map[string]string{"refs/heads/topic": "removed", "reflog refs/heads/topic": "removed"}, "branch", "-D", "topic"),
		change("tag made", map[string]string{"refs/tags/v1": "added"}, "tag", "v1"),
		change("other branch checked out", map[string]string{"HEAD": "value", "reflog HEAD": "value"}, "symbolic-ref", "HEAD", "refs/heads/topic"),
		change("stash dropped", map[string]string{"refs/stash": "removed", "reflog refs/stash": "removed", "stash@{0}": "removed"}, "stash", "drop", "-q"),
		change("mode staged", map[string]string{"index notes.txt": "mode"}, "update-index", "--chmod=+x", "notes.txt"),
		change("content staged", map[string]string{"index notes.txt": "id"}, "update-index", "--cacheinfo", "100644", r.git("hash-object", "-w", "src/app.go"), "notes.txt"),
		change("removal staged", map[string]string{"index notes.txt": "removed"}, "update-index", "--force-remove", "notes.txt"),
		change("assume unchanged", map[string]string{"index notes.txt": "flags"}, "update-index", "--assume-unchanged", "notes.txt"),
		change("skip worktree", map[string]string{"index notes.txt": "flags"}, "update-index", "--skip-worktree", "notes.txt"),
		change("intent to add", map[string]string{"index planted/file": "added"}, "add", "-N", "planted/file"),
		change("configuration", map[string]string{"config core.bare": "type"}, "config", "core.bare", "true"),
		change("reflog expired", map[string]string{"reflog HEAD": "value"}, "reflog", "expire", "--expire=now", "HEAD"),
		{Name: "merge begun", Want: map[string]string{"state MERGE_HEAD": "added", "operation": "added"}, Do: func(t *testing.T) {
			r.write(".git/MERGE_HEAD", r.git("rev-parse", "topic")+"\n")
		}},
		{Name: "hook", Want: map[string]string{"./.git/hooks/pre-commit": "added"}, Do: func(t *testing.T) {
			r.write(".git/hooks/pre-commit", "#!/bin/sh\n")
		}},
		{Name: "file of another tool", Want: map[string]string{"./.git/.graphite_cache": "added"}, Do: func(t *testing.T) {
			r.write(".git/.graphite_cache", "{}")
		}},
		{Name: "objects lost", Want: kindtest.Nothing(), Do: func(t *testing.T) {
			require.NoError(t, os.RemoveAll(filepath.Join(r.root, ".git", "objects")))
			require.NoError(t, os.Mkdir(filepath.Join(r.root, ".git", "objects"), 0o755))
		}},
	}
}
