package render

import "dogear/agent/api"

// Saved shows the result of a save.
func Saved(p *Page, r api.CaptureResult) {
	p.captured("Saved", r)
	p.next("dogear restore %s brings this state back; dogear status shows what has changed since.", r.Snapshot.ID)
}

// Paused shows the result of a pause.
func Paused(p *Page, r api.CaptureResult) {
	p.captured("Paused", r)
	p.next("The desk is clear. dogear resume brings it back; dogear undo starts it again at once.")
}

func (p *Page) captured(verb string, r api.CaptureResult) {
	p.title("%s %s as %s", verb, r.Snapshot.Workspace.Root, r.Snapshot.ID)
	p.line("  %s, consistency: %s", count(len(r.Parts), "part"), r.Snapshot.Consistency)
	p.line("  %s read, %s added to the store", size(r.Bytes.Read), size(r.Bytes.Added))
	p.line("  frozen for %s, %s in all", ms(r.Timings.FreezeMS), ms(r.Timings.TotalMS))
	p.gaps("Not captured", r.NotCaptured)
}
