package render

import (
	"strings"

	"dogear/agent/api"
)

// Verified shows the result of verify.
func Verified(p *Page, r api.CompareResult) {
	p.compared(r)
	if !r.Identical {
		p.next("dogear restore %s would make it so again.", r.Snapshot.ID)
	}
}

// Status shows the result of status.
func Status(p *Page, r api.CompareResult) {
	p.compared(r)
	if r.Identical && len(r.NotComparable) == 0 {
		p.next("Nothing that was captured has changed.")
		return
	}
	p.next("dogear save keeps the state as it is now.")
}

func (p *Page) compared(r api.CompareResult) {
	p.title("%s against %s", r.Workspace.Root, snapshotName(r.Snapshot))
	switch {
	case !r.Identical:
		p.line("  %s", bad(count(len(r.Differences), "difference")))
	case len(r.NotComparable) > 0:
		p.line("  %s in all that can be compared; what cannot is listed below", good("identical"))
	default:
		p.line("  %s", good("identical"))
	}
	p.differences(r.Differences)
	p.gaps("Not comparable", r.NotComparable)
}

// Diff shows the result of diff.
func Diff(p *Page, r api.DiffResult) {
	to := "now"
	if r.B != nil {
		to = snapshotName(*r.B)
	}
	p.title("%s: from %s", r.Workspace.Root, snapshotName(r.A))
	p.line("  to %s: %s", to, count(len(r.Changes), "change"))
	p.explained(r.Changes, r.Explanations)
	p.gaps("Not comparable", r.NotComparable)
}

// DiffStat shows how many changes there are in each part.
func DiffStat(p *Page, r api.DiffResult) {
	parts := byPart(r.Changes)
	for _, part := range parts {
		p.line("  %s: %s", part.id, count(part.n, "change"))
		for _, e := range r.Explanations {
			if e.Part.String() == part.id && e.Summary != "" {
				p.line("    %s: %s", e.Fact, e.Summary)
			}
		}
	}
	p.line("%s in %s", count(len(r.Changes), "change"), count(len(parts), "part"))
}

// tally is how many differences a part has.
type tally struct {
	id string
	n  int
}

// byPart counts differences, which are in the order of their parts.
func byPart(ds []api.Difference) []tally {
	var out []tally
	for _, d := range ds {
		id := d.Part.String()
		if len(out) == 0 || out[len(out)-1].id != id {
			out = append(out, tally{id: id})
		}
		out[len(out)-1].n++
	}
	return out
}

// differences lists facts under the part that they are about: - is gone, + is
// new, ~ has changed.
func (p *Page) differences(ds []api.Difference) { p.explained(ds, nil) }

// explained shows under each difference what lies behind it, and at the end of
// each part what explains several.
func (p *Page) explained(ds []api.Difference, explanations []api.Explanation) {
	for len(ds) > 0 {
		n := byPart(ds)[0].n
		p.part(ds[:n], explanations)
		ds = ds[n:]
	}
}

func (p *Page) part(ds []api.Difference, explanations []api.Explanation) {
	p.title("%s", ds[0].Part)
	shown := make(map[string]bool)
	for _, d := range ds {
		p.difference(d)
		shown[d.Fact] = true
		p.explanations(explanations, func(e api.Explanation) bool { return e.Part == d.Part && e.Fact == d.Fact })
	}
	p.explanations(explanations, func(e api.Explanation) bool { return e.Part == ds[0].Part && !shown[e.Fact] })
}

func (p *Page) explanations(all []api.Explanation, wanted func(api.Explanation) bool) {
	for _, e := range all {
		if !wanted(e) {
			continue
		}
		if e.Summary != "" {
			p.line("      %s", e.Summary)
		}
		for _, line := range e.Lines {
			p.line("      %s", line)
		}
		if e.More > 0 {
			p.line("      and %d more", e.More)
		}
	}
}

func (p *Page) difference(d api.Difference) {
	switch {
	case d.Have == "":
		p.line("  %s %s: %s", bad("-"), d.Fact, brief(d.Want))
	case d.Want == "":
		p.line("  %s %s: %s", good("+"), d.Fact, brief(d.Have))
	default:
		p.line("  ~ %s: %s -> %s", d.Fact, brief(d.Want), brief(d.Have))
	}
}

// Digests are cut to as many characters as git shows of an id; --json has
// them whole.
const (
	digestLength = 32 // what is shorter is no digest
	shownDigits  = 10
)

// brief shortens the digests in a value.
func brief(value string) string {
	words := strings.FieldsFunc(value, func(r rune) bool { return !isHex(r) })
	for _, w := range words {
		if len(w) >= digestLength {
			value = strings.Replace(value, w, w[:shownDigits]+"…", 1)
		}
	}
	return value
}

func isHex(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' }
