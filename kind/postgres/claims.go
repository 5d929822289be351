package postgres

import (
	"path"
	"slices"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// serverFiles are the entries of a data directory that the server writes by
// itself. Configuration is not among them.
var serverFiles = [...]string{
	"backup_label", "backup_label.old", "backup_manifest", "base", "current_logfiles", "global", "log", "pg_commit_ts",
	"pg_dynshmem", "pg_log", "pg_logical", "pg_multixact", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots",
	"pg_stat", "pg_stat_tmp", "pg_subtrans", "pg_tblspc", "pg_twophase", "pg_wal", "pg_xact", "postmaster.opts",
	"postmaster.pid", "tablespace_map",
}

// claims lists the paths for which a server's facts stand: in its data
// directory and in its tablespaces, wherever the container has them mounted.
func claims(r record, container kind.ID, c *docker.Container, found []kind.Item) []kind.Claim {
	byTree := make(map[kind.ID][]kind.Pattern)
	add := func(dir string, names ...string) {
		on, inside := treeOf(dir, container, c, found)
		if on.IsZero() {
			return
		}
		for _, name := range names {
			byTree[on] = append(byTree[on], kind.Pattern(path.Join(literal(inside), name)))
		}
	}
	add(r.DataDir, serverFiles[:]...)
	for _, dir := range r.Tablespaces {
		add(dir, "PG_*")
	}
	var out []kind.Claim
	for on, paths := range byTree {
		slices.Sort(paths)
		out = append(out, kind.Claim{On: on, Paths: slices.Compact(paths)})
	}
	slices.SortFunc(out, func(a, b kind.Claim) int { return a.On.Compare(b.On) })
	return out
}

// treeOf returns the item that holds a directory of the container, and where
// in it the directory is. It is zero for a directory outside the workspace.
func treeOf(dir string, container kind.ID, c *docker.Container, found []kind.Item) (kind.ID, string) {
	var mount docker.Mount
	for _, m := range c.Mounts {
		if _, ok := below(dir, m.Destination); ok && len(m.Destination) >= len(mount.Destination) {
			mount = m
		}
	}
	inside, _ := below(dir, mount.Destination)
	switch {
	case mount.Destination == "":
		return container, strings.TrimPrefix(path.Clean(dir), "/")
	case mount.Type == "volume":
		return kind.ID{Kind: "volume", Name: mount.Name}, inside
	case mount.Type == "bind":
		return innermost(path.Join(mount.Source, inside), found)
	}
	return kind.ID{}, "" // a tmpfs: not captured
}

// innermost returns the item that owns a path of this host.
func innermost(hostPath string, found []kind.Item) (kind.ID, string) {
	var owner kind.Item
	for _, item := range found {
		if _, ok := below(hostPath, item.Root); item.Root != "" && ok && len(item.Root) > len(owner.Root) {
			owner = item
		}
	}
	if owner.Root == "" {
		return kind.ID{}, ""
	}
	inside, _ := below(hostPath, owner.Root)
	return owner.ID, inside
}

// below returns name relative to dir, if it is dir or lies in it.
func below(name, dir string) (string, bool) {
	name, dir = path.Clean(name), path.Clean(dir)
	if name == dir {
		return "", true
	}
	return strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}

// literal escapes what a pattern would take for wildcards.
func literal(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}
