package render

import (
	"fmt"
	"strconv"
	"strings"

	"dogear/agent/api"
)

// List shows the snapshots of a workspace.
func List(p *Page, list []api.SnapshotDetail) {
	if len(list) == 0 {
		p.line("No snapshots of this workspace yet.")
		p.next("dogear save takes one.")
		return
	}
	rows := make([][]string, 0, len(list))
	for _, s := range list {
		rows = append(rows, []string{
			string(s.ID), at(s.Created), reason(s.Snapshot), s.Name, s.Ticket,
			count(len(s.Parts), "part"), size(s.Bytes.Added), s.Note,
		})
	}
	p.table([]string{"ID", "CREATED", "REASON", "NAME", "TICKET", "HOLDS", "ADDED", "NOTE"}, rows)
}

// reason says which command took a snapshot, and whether it is pinned.
func reason(s api.Snapshot) string {
	if s.Pinned {
		return string(s.Reason) + ", pinned"
	}
	return string(s.Reason)
}

// Show shows one snapshot.
func Show(p *Page, s api.SnapshotDetail) {
	p.title("%s of %s", snapshotName(s.Snapshot), s.Workspace.Root)
	p.line("  taken by %s, consistency: %s", s.Author, s.Consistency)
	p.line("  state %s", s.State)
	p.line("  %s in all%s; %s read, %s added to the store",
		ms(s.Timings.TotalMS), freeze(s.Timings.FreezeMS), size(s.Bytes.Read), size(s.Bytes.Added))
	p.streamed(s.Bytes.Streamed)
	p.delta(s.Delta)
	p.crumbs(s)
	rows := make([][]string, 0, len(s.Parts))
	for _, part := range s.Parts {
		how := string(part.Consistency)
		if part.Fidelity != "" {
			how += ", fidelity: " + string(part.Fidelity)
		}
		rows = append(rows, []string{part.ID.String(), how, count(int(part.Facts.Count), "fact")})
	}
	p.table([]string{"PART", "CONSISTENCY", "FACTS"}, rows)
	p.gaps("Not captured", s.NotCaptured)
}

// crumbs show where a person was, and what they said of it.
func (p *Page) crumbs(s api.SnapshotDetail) {
	left := s.Note != ""
	for _, part := range s.Parts {
		left = left || len(part.Crumbs) > 0
	}
	if !left {
		return
	}
	p.title("Where you were")
	if s.Note != "" {
		p.line("  note: %s", s.Note)
	}
	for _, part := range s.Parts {
		for _, crumb := range part.Crumbs {
			p.line("  %s: %s", part.ID, crumb)
		}
	}
}

// Log shows what was done to a workspace.
func Log(p *Page, events []api.Event) {
	if len(events) == 0 {
		p.line("Nothing was done to this workspace yet.")
		return
	}
	rows := make([][]string, 0, len(events))
	for _, e := range events {
		rows = append(rows, []string{
			strconv.FormatUint(e.Seq, 10), at(e.Time), operation(e), e.Outcome, string(e.Snapshot), string(e.Safety), e.Receipt, e.Author, e.Note,
		})
	}
	p.table([]string{"NO", "TIME", "OPERATION", "OUTCOME", "SNAPSHOT", "SAFETY", "RECEIPT", "BY", "NOTE"}, rows)
}

// operation names an event's operation and, of an undo, what it took back.
func operation(e api.Event) string {
	if e.Undoes == 0 {
		return string(e.Operation)
	}
	return fmt.Sprintf("%s of %d", e.Operation, e.Undoes)
}

// Found shows what there is in a workspace.
func Found(p *Page, r api.FindResult) {
	p.title("%s has", r.Workspace.Root)
	rows := make([][]string, 0, len(r.Items))
	for _, it := range r.Items {
		needs := make([]string, 0, len(it.Needs))
		for _, n := range it.Needs {
			needs = append(needs, n.String())
		}
		rows = append(rows, []string{it.ID.String(), strings.Join(needs, ", ")})
	}
	p.table([]string{"ITEM", "NEEDS"}, rows)
}

// Recovered shows what had been interrupted.
func Recovered(p *Page, r api.HealResult) {
	if r.Finished != nil {
		p.line("The interrupted restore was finished.")
		p.restored("Restored", *r.Finished)
		p.found(r.Healed)
		return
	}
	if len(r.Healed) == 0 {
		p.line("Nothing was interrupted in %s.", r.Workspace.Root)
		return
	}
	for _, e := range r.Healed {
		p.line("%s in %s: %s.", e.Note, r.Workspace.Root, e.Outcome)
		if e.Safety != "" {
			p.next("What it was to bring back is still in snapshot %s, and what was there before it also in safety snapshot %s.", e.Snapshot, e.Safety)
		}
	}
	p.found(r.Healed)
}

// found names the snapshots of what was written to what was interrupted.
func (p *Page) found(healed []api.Event) {
	for _, e := range healed {
		if e.Found != "" {
			p.next("What was written since it was interrupted is in snapshot %s: dogear show %s names it, dogear restore %s --only brings some of it back.", e.Found, e.Found, e.Found)
		}
	}
}

// Checks shows the doctor's report.
func Checks(p *Page, checks []api.Check) {
	for _, c := range checks {
		p.line("%s  %s: %s", mark(c.Status), c.Name, c.Detail)
		if c.Hint != "" {
			p.next("      %s", c.Hint)
		}
	}
}

func mark(h api.Health) string {
	text := string(h) + strings.Repeat(" ", len(api.Warn)-len(h))
	switch h {
	case api.OK:
		return good(text)
	case api.Fail:
		return bad(text)
	}
	return text
}

// AgentStatus shows an agent and its jobs.
func AgentStatus(p *Page, s api.AgentStatus) {
	if !s.Running {
		p.line("No agent runs for the store %s.", s.Store)
		p.next("Commands work without one; dogear agent run starts one that stays.")
		return
	}
	p.title("An agent runs for the store %s", s.Store)
	p.line("  process %d since %s", s.PID, at(s.Started))
	for _, j := range s.Jobs {
		p.line("  %s of %s, for %s (process %d) since %s", j.Name, j.Workspace, j.User, j.PID, at(j.Since))
	}
}

// Initialized shows the result of init.
func Initialized(p *Page, r api.FindResult, path string) {
	Found(p, r)
	p.line("Wrote %s", path)
	p.next("Nothing in it is required. dogear save takes the first snapshot.")
}

// VersionInfo is the result of version.
type VersionInfo struct {
	Version     string `json:"version"`
	Commit      string `json:"commit"`
	Modified    bool   `json:"modified"` // built from changed files
	StoreFormat int    `json:"store_format"`
	Go          string `json:"go"`
}

// Version shows what version tells.
func Version(p *Page, v VersionInfo) {
	p.line("dogear %s", v.Version)
	if v.Commit != "" {
		changed := ""
		if v.Modified {
			changed = ", with changes"
		}
		p.line("commit %s%s", v.Commit, changed)
	}
	p.line("store format %d, %s", v.StoreFormat, v.Go)
}
