package render

import "dogear/agent/api"

// Rehearsed shows a rehearsal.
func Rehearsed(p *Page, r api.RehearseResult) {
	p.title("Rehearsed %s from %s", r.Workspace.Root, snapshotName(r.Source))
	parts := count(len(r.Parts), "part")
	switch {
	case r.IdenticalAtRest() && !r.Identical:
		p.line("  %s at rest; %s since it was started, in %s", good("identical"), count(len(r.Differences), "difference"), parts)
	case !r.Identical:
		p.line("  %s: %s in %s", bad("not identical"), count(len(r.Differences), "difference"), parts)
	case len(r.NotComparable) > 0:
		p.line("  %s in all of %s that can be rehearsed; what cannot is listed below", good("identical"), parts)
	default:
		p.line("  %s: every byte at rest and every fact of %s compared", good("identical"), parts)
	}
	t := r.Timings
	p.line("  restored in %s, healthy %s after the first start, %s in all", ms(t.RestoreMS), ms(t.HealthyMS), ms(t.TotalMS))
	if len(r.Unhealthy) > 0 {
		p.title("Not healthy")
		for _, u := range r.Unhealthy {
			p.line("  %s", u)
		}
	}
	p.differences(r.Differences)
	p.gaps("Not rehearsed, or not comparable", r.NotComparable)
	p.next("It was a copy that could reach nothing, and it is gone again. The workspace was not touched.")
}
