package render

import (
	"fmt"
	"strings"

	"dogear/agent/api"
)

// Resumed shows the result of a resume.
func Resumed(p *Page, r api.RestoreResult) {
	p.restored("Resumed", r)
}

// Restored shows the result of a restore.
func Restored(p *Page, r api.RestoreResult) {
	if r.Plan != nil {
		p.plan(r)
		return
	}
	if r.Copy {
		p.copied(r)
		return
	}
	p.restored("Restored", r)
}

// copied shows a restore in another directory.
func (p *Page) copied(r api.RestoreResult) {
	p.title("Restored a copy of %s in %s from %s", r.Source.Workspace.Root, r.Target.Root, snapshotName(r.Source))
	p.pulled(r)
	p.verdict(*r.Receipt)
	p.differences(r.Receipt.Differences)
	p.gaps("Not in the copy, or not comparable", r.Receipt.NotComparable)
	p.next("The workspace itself was not touched.")
}

// Undone shows the result of an undo.
func Undone(p *Page, r api.RestoreResult) {
	if r.Plan != nil {
		p.line("Would take back the %s of %s.", r.Undone.Operation, at(r.Undone.Time))
		p.plan(r)
		return
	}
	if r.Undone != nil {
		p.line("Took back the %s of %s.", r.Undone.Operation, at(r.Undone.Time))
	}
	p.restored("Restored", r)
}

func (p *Page) restored(verb string, r api.RestoreResult) {
	receipt := r.Receipt
	p.title("%s %s from %s", verb, r.Target.Root, snapshotName(r.Source))
	if r.AwayMS > 0 {
		p.line("  you were away for %s", ms(r.AwayMS))
	}
	p.pulled(r)
	p.verdict(*receipt)
	p.times(receipt.Timings)
	p.streamed(receipt.Streamed)
	p.unhealthy(r.Unhealthy)
	p.differences(receipt.Differences)
	p.kept(*receipt)
	p.gaps("Not comparable", receipt.NotComparable)
	p.changedAfterStart(receipt.ChangedAfterStart)
	if receipt.Safety == receipt.Snapshot {
		p.next("It was like that before: nothing was touched.")
		return
	}
	p.next("dogear receipt %s shows the proof again.", receipt.ID)
	p.next("The state before is in safety snapshot %s; dogear undo brings it back.", receipt.Safety)
}

// pulled names what comes along with what was selected.
func (p *Page) pulled(r api.RestoreResult) {
	for _, pulled := range r.Pulled {
		p.line("  with %s, which %s needs", pulled.Part, pulled.By)
	}
}

// Receipt shows the proof of a restore.
func Receipt(p *Page, r api.ReceiptResult) {
	receipt := r.Receipt
	p.title("Receipt %s: %s restored from %s on %s", receipt.ID, receipt.Workspace.Root, receipt.Snapshot, at(receipt.Created))
	p.verdict(receipt)
	p.times(receipt.Timings)
	p.streamed(receipt.Streamed)
	if receipt.Want != "" {
		p.line("  state %s, wanted %s", receipt.Have, receipt.Want)
	}
	p.line("  as event %d of the log says, SHA-256 %s", r.Event, r.Proof)
	rows := make([][]string, 0, len(receipt.Parts))
	for _, part := range receipt.Parts {
		rows = append(rows, []string{part.Part.String(), part.Method, part.Read, size(part.Bytes)})
	}
	p.table([]string{"PART", "METHOD", "PROVEN BY", "WRITTEN"}, rows)
	p.differences(receipt.Differences)
	p.kept(receipt)
	p.gaps("Not comparable", receipt.NotComparable)
	p.changedAfterStart(receipt.ChangedAfterStart)
	p.next("The state before is in safety snapshot %s.", receipt.Safety)
}

// times shows how long it took. What was never stopped has no outage.
func (p *Page) times(t api.RestoreTimings) {
	if t.OutageMS == 0 {
		p.line("  ready after %s, %s in all; nothing had to be stopped", ms(t.HealthyMS), ms(t.TotalMS))
		return
	}
	p.line("  outage %s, healthy after %s, %s in all", ms(t.OutageMS), ms(t.HealthyMS), ms(t.TotalMS))
}

func (p *Page) verdict(r api.Receipt) {
	compared := count(len(r.Parts), "part")
	switch {
	case !r.Identical && r.IdenticalAtRest():
		p.line("  %s at rest, every byte of %s; %s since it was started: what runs may be at work", good("identical"), compared, count(len(r.Differences), "difference"))
	case !r.Identical:
		p.line("  %s: %s in %s", bad("not identical"), count(len(r.Differences), "difference"), compared)
	case len(r.NotComparable) > 0:
		p.line("  %s in all of %s that can be compared; what cannot is listed below", good("identical"), compared)
	default:
		p.line("  %s: every byte at rest and every fact of %s compared", good("identical"), compared)
	}
}

func (p *Page) unhealthy(list []string) {
	if len(list) == 0 {
		return
	}
	p.title("Restored, but not healthy")
	for _, u := range list {
		p.line("  %s", u)
	}
}

func (p *Page) kept(r api.Receipt) {
	p.madeSince(r, false, "Kept from the time between")
	p.madeSince(r, true, "Made in the time between, and only in safety snapshot "+string(r.Safety))
}

func (p *Page) madeSince(r api.Receipt, onlyInSafety bool, title string) {
	for _, k := range r.Kept {
		if k.OnlyInSafety != onlyInSafety {
			continue
		}
		if title != "" {
			p.title("%s", title)
			title = ""
		}
		p.line("  %s: %s", k.Part, k.What)
	}
}

// changedAfterStart counts the paths that were written to since, and names what
// is another one after each start.
func (p *Page) changedAfterStart(ds []api.Difference) {
	var written, shifted []api.Difference
	for _, d := range ds {
		if d.Half == api.Running {
			shifted = append(shifted, d)
		} else {
			written = append(written, d)
		}
	}
	if len(written) > 0 {
		p.title("Changed by what was started (no difference: it runs; --json lists it)")
		for _, part := range byPart(written) {
			p.line("  %s: %s", part.id, count(part.n, "path"))
		}
	}
	if len(shifted) > 0 {
		p.title("Another one now (no difference: it cannot be chosen)")
		for _, d := range shifted {
			p.line("  %s: %s: %s -> %s", d.Part, d.Fact, brief(d.Want), brief(d.Have))
		}
	}
}

// plan shows a dry run.
func (p *Page) plan(r api.RestoreResult) {
	p.title("Would restore %s from %s", r.Target.Root, snapshotName(r.Source))
	p.pulled(r)
	rows := make([][]string, 0, len(r.Plan.Steps))
	for _, s := range r.Plan.Steps {
		rows = append(rows, []string{s.Part.String(), string(s.Action), size(s.Bytes)})
	}
	p.table([]string{"ITEM", "ACTION", "WRITES"}, rows)
	for _, s := range r.Plan.Steps {
		p.details(s)
	}
	ids(p, "Stopped meanwhile", r.Plan.Stop)
	ids(p, "Started at the end", r.Plan.Start)
	for _, room := range r.Plan.Rooms {
		p.line("On the filesystem of %s: %s more, of %s free", room.Dir, size(room.Needs), size(room.Free))
	}
	for _, c := range r.Plan.Conflicts {
		p.line("%s %s", bad("in the way:"), c)
	}
	if len(r.Plan.Conflicts) > 0 {
		p.next("Nothing was touched, and nothing will be as long as something is in the way.")
		return
	}
	p.next("Nothing was touched. %s would be written, in about %s; a safety snapshot comes first, and undo brings it back.",
		size(r.Plan.Bytes), ms(r.Plan.EstimateMS))
}

// ids shows a list of items, if there is one.
func ids[ID fmt.Stringer](p *Page, title string, list []ID) {
	if len(list) == 0 {
		return
	}
	names := make([]string, 0, len(list))
	for _, id := range list {
		names = append(names, id.String())
	}
	p.line("%s: %s", title, strings.Join(names, ", "))
}

// shownDetails is how many details of a step are shown; --json has them all.
const shownDetails = 8

func (p *Page) details(s api.Step) {
	if len(s.Details) == 0 {
		return
	}
	p.title("%s", s.Part)
	for _, d := range s.Details[:min(len(s.Details), shownDetails)] {
		p.line("  %s", d)
	}
	if more := len(s.Details) - shownDetails; more > 0 {
		p.line("  and %d more", more)
	}
}
