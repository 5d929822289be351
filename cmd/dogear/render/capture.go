package render

import (
	"fmt"
	"slices"
	"strings"

	"dogear/agent/api"
)

// Saved shows the result of a save.
func Saved(p *Page, r api.CaptureResult) {
	p.captured("Saved", r)
	p.next("dogear restore %s brings this state back; dogear status shows what has changed since.", r.Snapshot.ID)
}

// Imported shows the result of an import.
func Imported(p *Page, r api.CaptureResult) {
	part := r.Parts[0].ID
	p.title("Imported %s for %s as %s", r.Snapshot.Note, part, r.Snapshot.ID)
	p.line("  %s compared, %s added to the store, %s in all", count(int(r.Parts[0].Facts.Count), "fact"), size(r.Bytes.Added), ms(r.Timings.TotalMS))
	p.gaps("Not in it", r.NotCaptured)
	p.next("Nothing live was changed. dogear restore %s makes %s what the dump says.", r.Snapshot.ID, part)
}

// Paused shows the result of a pause.
func Paused(p *Page, r api.CaptureResult) {
	p.captured("Paused", r)
	p.cleared(r.Cleared)
	p.next("The desk is clear. dogear resume brings it back; dogear undo starts it again at once.")
}

// cleared says how the repositories were left.
func (p *Page) cleared(list []api.Cleared) {
	if len(list) == 0 {
		return
	}
	p.title("Checked out")
	for _, c := range list {
		for _, line := range c.Lines {
			p.line("  %s: %s", c.Part, line)
		}
	}
}

func (p *Page) captured(verb string, r api.CaptureResult) {
	p.title("%s %s as %s", verb, r.Snapshot.Workspace.Root, r.Snapshot.ID)
	p.line("  %s: %s", count(len(r.Parts), "part"), consistencies(r.Parts))
	p.line("  %s read, %s added to the store", size(r.Bytes.Read), size(r.Bytes.Added))
	p.streamed(r.Bytes.Streamed)
	p.line("  %s in all%s", ms(r.Timings.TotalMS), freeze(r.Timings.FreezeMS))
	p.delta(r.Delta)
	p.gaps("Not captured", r.NotCaptured)
}

// streamed says what took the slow way.
func (p *Page) streamed(n int64) {
	if n > 0 {
		p.line("  %s of content through the connection to the engine, compressed: it cannot reach the store", size(n))
	}
}

// delta says how changed files were kept while everything stood still, where one
// of them was cloned: where none can be, there is nothing to know.
func (p *Page) delta(d api.Delta) {
	if d.Cloned > 0 {
		p.line("  %s shared with the file system (reflink), %d copied", count(d.Cloned, "changed file"), d.Copied)
	}
}

// consistencies says how firmly the parts are tied to the instant of the
// snapshot, and names those that are not.
func consistencies(parts []api.Part) string {
	names := make(map[string][]string)
	for _, part := range parts {
		c := string(part.Consistency)
		names[c] = append(names[c], part.ID.String())
	}
	var out []string
	for _, c := range []string{"stopped", "frozen", "transaction"} {
		if n := len(names[c]); n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, c))
		}
	}
	if live := names["live"]; len(live) > 0 {
		slices.Sort(live)
		out = append(out, fmt.Sprintf("%d live, not for certain of the same moment (%s)", len(live), strings.Join(live, ", ")))
	}
	return strings.Join(out, ", ")
}

func freeze(n int64) string {
	if n == 0 {
		return ", no container was frozen"
	}
	return ", frozen for " + ms(n)
}
