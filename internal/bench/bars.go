package main

import (
	"fmt"
	"slices"
	"time"
)

// A bar is what Dogear has to reach, once for each of its two contenders.
type bar struct {
	what  string
	limit float64
	unit  string
	// value is what was measured, for one of Dogear's contenders; false if it
	// was not measured in this run.
	value func(b *bench, who string) (float64, bool)
}

func bars() []bar {
	return []bar{
		{"first capture, against tar \\| zstd -1 -T2", 1.3, "×", against(caseFirst, "tar")},
		{"first capture, against restic", 1.0, "×", against(caseFirst, "restic")},
		{"size of the store, against tar \\| zstd -1", 1.10, "×", sizeAgainstTar},
		{"capture, nothing changed", 0.4, "s", seconds(caseUnchanged)},
		{"capture, 1 % changed", 1.2, "s", seconds(caseChanged)},
		{"growth for each changed byte, 1 % changed", 1.5, "×", growth(caseChanged)},
		{"growth for each changed byte, pages of a file of 1 GB", 1.5, "×", growth(casePages)},
		{"capture of these pages, against cat of the file", 1.5, "×", against(casePages, "cat")},
		{"restore in place, 1 % changed", 1.0, "s", seconds(caseInPlace)},
		{"restore in place, 1 % changed: differences", 0, "", wrong(caseInPlace)},
		{"restore, nothing to do", 0.5, "s", seconds(caseNothing)},
		{"restore, nothing to do: entries touched", 0, "", wrong(caseNothing)},
		{"full restore, against restic", 1.0, "×", against(caseAll, "restic")},
		{"full restore: differences", 0, "", wrong(caseAll)},
		{"dump of a database, against pg_dump -Fd -j2 -Z0", 1.0, "×", against(caseDump, pgDump)},
		{"dump after 1 % of the rows changed, neighbours: growth, of the first dump", 5, "%", percentOfFirst(caseDumpNear)},
		{"dump after 1 % of the rows changed, each hundredth: growth, of the first dump", 5, "%", percentOfFirst(caseDumpSpread)},
		{"restore of a dump, against pg_restore -j2", 1.0, "×", against(caseDumpRestore, pgRestore)},
		{"restore of a dump: differences", 0, "", wrong(caseDumpRestore)},
		{"restore of a dump over the live database: differences", 0, "", wrong(caseDumpLive)},
		{"stack: second save, nothing changed", 1.5, "s", seconds(caseStackAgain)},
		{"stack: freeze of a save under pgbench", 0.5, "s", saidOf(caseStackLoad, freeze)},
		{"stack: outage of a restore, 1 % of the pages changed, but for the start of the database", 1.0, "s", outageAlone},
		{"memory of all processes, the most of all cases", 150, "MB", memory},
	}
}

func against(name, peer string) func(*bench, string) (float64, bool) {
	return func(b *bench, who string) (float64, bool) {
		ours, theirs := b.result(name, who), b.result(name, peer)
		if ours == nil || theirs == nil {
			return 0, false
		}
		return ours.median().Seconds() / theirs.median().Seconds(), true
	}
}

func seconds(name string) func(*bench, string) (float64, bool) {
	return func(b *bench, who string) (float64, bool) {
		r := b.result(name, who)
		if r == nil {
			return 0, false
		}
		return r.median().Seconds(), true
	}
}

func sizeAgainstTar(b *bench, who string) (float64, bool) {
	ours, theirs := b.result(caseFirst, who), b.result(caseFirst, "tar")
	if ours == nil || theirs == nil {
		return 0, false
	}
	return float64(ours.added()) / float64(theirs.added()), true
}

// growth compares with what was changed, compressed as one stream.
func growth(name string) func(*bench, string) (float64, bool) {
	return func(b *bench, who string) (float64, bool) {
		r := b.result(name, who)
		if r == nil {
			return 0, false
		}
		return r.growth(), true
	}
}

// wrong returns the most that any restore got wrong.
func wrong(name string) func(*bench, string) (float64, bool) {
	return func(b *bench, who string) (float64, bool) {
		r := b.result(name, who)
		if r == nil {
			return 0, false
		}
		return float64(r.differences()), true
	}
}

func memory(b *bench, who string) (float64, bool) {
	most := int64(0)
	for _, r := range b.results {
		if r.who == who {
			most = max(most, r.peak())
		}
	}
	return float64(most) / 1e6, most > 0
}

// line is the bar as a row of a table, for one contender.
func (x bar) line(b *bench, who string) (string, bool) {
	value, measured := x.value(b, who)
	if !measured {
		return "", false
	}
	verdict := "holds"
	if value > x.limit {
		verdict = "**does not hold**"
	}
	return fmt.Sprintf("| %s | %s | ≤ %s | %s | %s |", x.what, who, x.show(x.limit), x.show(value), verdict), true
}

func (x bar) show(value float64) string {
	switch x.unit {
	case "":
		return fmt.Sprintf("%.0f", value)
	case "MB":
		return fmt.Sprintf("%.0f MB", value)
	}
	return fmt.Sprintf("%.2f %s", value, x.unit)
}

func (r *result) best() time.Duration {
	return slices.MinFunc(r.turns, func(a, b turn) int { return int(a.wall - b.wall) }).wall
}

func (r *result) median() time.Duration {
	return middle(r.turns, func(t turn) time.Duration { return t.wall })
}
func (r *result) cpu() time.Duration {
	return middle(r.turns, func(t turn) time.Duration { return t.cpu })
}
func (r *result) added() int64 { return middle(r.turns, func(t turn) int64 { return t.added }) }
func (r *result) peak() int64 {
	return slices.MaxFunc(r.turns, func(a, b turn) int { return int(a.peak - b.peak) }).peak
}

func (r *result) differences() int {
	return slices.MaxFunc(r.turns, func(a, b turn) int { return a.differences - b.differences }).differences
}

func (r *result) growth() float64 {
	return middle(r.turns, func(t turn) float64 { return float64(t.added) / float64(t.changed.compressed) })
}

// middle returns the median.
func middle[T int64 | float64 | time.Duration](turns []turn, value func(turn) T) T {
	values := make([]T, len(turns))
	for i, t := range turns {
		values[i] = value(t)
	}
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}
