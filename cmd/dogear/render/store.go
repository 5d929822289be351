package render

import (
	"strings"

	"dogear/agent/api"
)

// StoreChecked shows the result of check.
func StoreChecked(p *Page, r api.CheckResult) {
	p.title("%s", r.Store)
	p.line("  %s, %s in %s, %s", count(r.Snapshots, "snapshot"), count(r.Chunks, "chunk"), count(r.Packs, "pack"), size(r.Bytes))
	if r.Whole {
		p.line("  %s", good("whole"))
	} else {
		p.line("  %s", bad(count(len(r.Problems), "problem")))
	}
	p.problems(r.Problems)
	if !r.ReadData {
		p.next("The bytes were not read; dogear check --read-data reads every one back.")
	}
}

// problems lists what is wrong, with what to do about it.
func (p *Page) problems(list []api.Problem) {
	for _, problem := range list {
		p.title("%s", problem.Where)
		p.line("  %s", problem.What)
		if problem.Hint != "" {
			p.next("  %s", problem.Hint)
		}
	}
}

// Removed shows the result of rm.
func Removed(p *Page, r api.RemoveResult) {
	verb := "Deleted"
	if r.DryRun {
		verb = "Would delete"
	}
	p.title("%s from %s", verb, r.Workspace.Root)
	for _, s := range r.Removed {
		p.line("  %s", snapshotName(s))
	}
	if r.DryRun {
		p.next("Nothing was deleted.")
		return
	}
	p.next("dogear prune gives the space free that only they needed.")
}

// Noted shows the result of note.
func Noted(p *Page, s api.SnapshotDetail) {
	p.line("%s", snapshotName(s.Snapshot))
	if s.Pinned {
		p.next("Pinned: neither dogear rm nor dogear prune deletes it.")
	}
}

// Pruned shows the result of prune.
func Pruned(p *Page, r api.PruneResult) {
	p.pruned(r)
	for _, k := range r.Kept {
		p.line("  stays: %s: %s", snapshotName(k.Snapshot), strings.Join(k.Why, ", "))
	}
	verb := "freed"
	if r.DryRun {
		verb = "to be freed already"
	}
	p.line("%s: %s in %s %s; %s removed, %d rewritten, %d kept", r.Store,
		size(r.Freed), count(r.Chunks, "chunk"), verb, count(r.Packs.Removed, "pack"), r.Packs.Rewritten, r.Packs.Kept)
	p.problems(r.Problems)
	if r.DryRun {
		p.next("Nothing was deleted. What only deleted snapshots need is counted once they are.")
	}
}

func (p *Page) pruned(r api.PruneResult) {
	verb := "deleted"
	if r.DryRun {
		verb = "would be deleted"
	}
	p.title("%s %s, %d kept", count(len(r.Removed), "snapshot"), verb, len(r.Kept))
	for _, s := range r.Removed {
		p.line("  goes: %s in %s", snapshotName(s), s.Workspace.Root)
	}
}

// Repaired shows the result of repair.
func Repaired(p *Page, r api.RepairResult) {
	p.title("Rebuilt the catalog of %s", r.Store)
	p.line("  %s, %s in %s, %s, %s", count(r.Snapshots, "snapshot"), count(r.Chunks, "chunk"), count(r.Packs, "pack"),
		count(r.Receipts, "receipt"), count(r.Events, "event"))
	for _, file := range r.Rewritten {
		p.line("  whole again: %s", file)
	}
	if r.SetAside != "" {
		p.line("  the old catalog is now %s", r.SetAside)
	}
	if len(r.Damaged) > 0 {
		p.line("  %s", bad(count(len(r.Damaged), "problem")+" left"))
	}
	p.problems(r.Damaged)
	p.next("dogear check --read-data looks at every byte.")
}
