package postgres

import (
	"path"
	"slices"

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

// walFiles are what is in a directory of the write-ahead log: segments, their
// history, and what archiving keeps account of.
var walFiles = [...]string{"[0-9A-F]*", "archive_status", "summaries", "xlogtemp.*"}

// claims lists the paths for which a server's facts stand: in its data
// directory and in its tablespaces, wherever the container has them mounted.
func claims(r record, container kind.ID, c *docker.Container, found []kind.Item) []kind.Claim {
	byTree := make(map[kind.ID][]kind.Pattern)
	add := func(dir string, names ...string) {
		on, inside := docker.TreeOf(dir, container, c, found)
		if on.IsZero() {
			return
		}
		for _, name := range names {
			byTree[on] = append(byTree[on], kind.Pattern(path.Join(docker.Literal(inside), name)))
		}
	}
	add(r.DataDir, serverFiles[:]...)
	if r.WAL != "" {
		add(r.WAL, walFiles[:]...)
	}
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
