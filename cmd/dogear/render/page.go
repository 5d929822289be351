// Package render writes results for people: text worth reading in an
// incident. Every result names what it is about, what it took, what was left
// out, and what comes next.
package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/dustin/go-humanize"

	"dogear/agent/api"
)

// Page collects what is to be shown.
type Page struct{ text strings.Builder }

// WriteTo writes the page.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, p.text.String())
	return int64(n), err
}

func (p *Page) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

func (p *Page) title(format string, args ...any) {
	p.line("%s", lipgloss.NewStyle().Bold(true).Render(fmt.Sprintf(format, args...)))
}

// next says what can be done from here.
func (p *Page) next(format string, args ...any) {
	p.line("%s", lipgloss.NewStyle().Faint(true).Render(fmt.Sprintf(format, args...)))
}

// table writes rows under a heading, without lines: it is read by grep too.
func (p *Page) table(headers []string, rows [][]string) {
	cell := lipgloss.NewStyle().PaddingRight(2)
	t := table.New().Headers(headers...).Rows(rows...).Wrap(false).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).BorderHeader(false).
		StyleFunc(func(row, _ int) lipgloss.Style {
			if row == table.HeaderRow {
				return cell.Bold(true)
			}
			return cell
		})
	for line := range strings.Lines(t.Render()) {
		p.line("%s", strings.TrimRight(line, " \n"))
	}
}

func good(text string) string { return lipgloss.NewStyle().Foreground(lipgloss.Green).Render(text) }

func bad(text string) string { return lipgloss.NewStyle().Foreground(lipgloss.Red).Render(text) }

// gaps lists what was left out, those for the same reason together.
func (p *Page) gaps(title string, gaps []api.Gap) {
	if len(gaps) == 0 {
		return
	}
	p.title("%s", title)
	type key struct{ what, why string }
	var order []key
	parts := make(map[key][]string)
	for _, g := range gaps {
		k := key{g.What, g.Why}
		if parts[k] == nil {
			order = append(order, k)
		}
		parts[k] = append(parts[k], g.Part.String())
	}
	for _, k := range order {
		p.line("  %s: %s", strings.Join(parts[k], ", "), sentence(k.what, k.why))
	}
}

func sentence(what, why string) string {
	if why == "" {
		return what
	}
	return what + " (" + why + ")"
}

// snapshotName is an id with what a person called it.
func snapshotName(s api.Snapshot) string {
	if s.Created.IsZero() {
		return string(s.ID) + " (too damaged to say more)"
	}
	labels := []string{string(s.Reason) + " of " + at(s.Created)}
	if s.Pinned {
		labels = append(labels, "pinned")
	}
	for _, l := range []string{s.Ticket, s.Name, s.Note} {
		if l != "" {
			labels = append(labels, l)
		}
	}
	return fmt.Sprintf("%s (%s)", s.ID, strings.Join(labels, ", "))
}

func at(t time.Time) string { return t.Local().Format(time.DateTime) }

// ms shows milliseconds as a person says them.
func ms(n int64) string {
	d := time.Duration(n) * time.Millisecond
	switch {
	case d < time.Second:
		return d.String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// count says "1 part", "2 parts".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
