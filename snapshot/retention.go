package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Retention says which snapshots of a workspace are kept. Whatever it says,
// those stay that a person named, pinned or took for a ticket, and the newest
// safety snapshot.
type Retention struct {
	// Of saves and pauses: so many of the newest, and the newest of each of
	// so many hours, days, weeks, months and years that have any. If all are
	// 0, every save and pause is kept.
	Last    int `json:"last,omitempty"`
	Hourly  int `json:"hourly,omitempty"`
	Daily   int `json:"daily,omitempty"`
	Weekly  int `json:"weekly,omitempty"`
	Monthly int `json:"monthly,omitempty"`
	Yearly  int `json:"yearly,omitempty"`

	// SafetyMS is how long safety snapshots are kept, and what was found.
	SafetyMS int64 `json:"safety_ms"`
}

// Verdict says whether a snapshot is kept.
type Verdict struct {
	Snapshot Snapshot
	Why      []string // reasons to keep it; empty: it may go
}

// Kept reports whether there is a reason to keep the snapshot.
func (v Verdict) Kept() bool { return len(v.Why) > 0 }

// Decide judges all snapshots of one workspace, the newest first. needed are
// those that something else relies on, and what that is. Hours and days are
// those of now's location.
func (r Retention) Decide(all []Snapshot, needed map[ID]string, now time.Time) []Verdict {
	verdicts := make([]Verdict, 0, len(all))
	for _, s := range all {
		verdicts = append(verdicts, Verdict{Snapshot: s, Why: reasons(s, needed)})
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int {
		return strings.Compare(string(b.Snapshot.ID), string(a.Snapshot.ID))
	})
	var byHand, safety, found []*Verdict
	for i := range verdicts {
		v := &verdicts[i]
		switch v.Snapshot.Reason {
		case ReasonSafety:
			safety = append(safety, v)
		case ReasonFound:
			found = append(found, v)
		default:
			byHand = append(byHand, v)
		}
	}
	r.decideByHand(byHand, now.Location())
	if len(safety) > 0 {
		safety[0].Why = append(safety[0].Why, "the newest safety snapshot")
	}
	r.decideByAge(append(safety, found...), now)
	return verdicts
}

// reasons are those that no retention overrules. A safety snapshot has the
// ticket of what was restored: nobody took it for that.
func reasons(s Snapshot, needed map[ID]string) []string {
	var why []string
	if need := needed[s.ID]; need != "" {
		why = append(why, need)
	}
	if s.Pinned {
		why = append(why, "pinned")
	}
	if s.Name != "" {
		why = append(why, "named "+s.Name)
	}
	if s.Ticket != "" && s.Reason != ReasonSafety {
		why = append(why, "for "+s.Ticket)
	}
	return why
}

// rule keeps the newest snapshot of each of the newest so many periods.
type rule struct {
	name   string
	most   int
	period func(s Snapshot) string
}

func (r Retention) rules(loc *time.Location) []rule {
	in := func(layout string) func(Snapshot) string {
		return func(s Snapshot) string { return s.Created.In(loc).Format(layout) }
	}
	week := func(s Snapshot) string {
		year, week := s.Created.In(loc).ISOWeek()
		return fmt.Sprint(year, week)
	}
	return []rule{
		{"last", r.Last, func(s Snapshot) string { return string(s.ID) }},
		{"hourly", r.Hourly, in("2006-01-02 15 -0700")}, // an hour may come twice in autumn
		{"daily", r.Daily, in(time.DateOnly)},
		{"weekly", r.Weekly, week},
		{"monthly", r.Monthly, in("2006-01")},
		{"yearly", r.Yearly, in("2006")},
	}
}

func (r Retention) decideByHand(list []*Verdict, loc *time.Location) {
	rules := r.rules(loc)
	if !slices.ContainsFunc(rules, func(r rule) bool { return r.most > 0 }) {
		for _, v := range list {
			v.Why = append(v.Why, fmt.Sprintf("every %s is kept", v.Snapshot.Reason))
		}
		return
	}
	for _, rule := range rules {
		rule.apply(list)
	}
}

// apply goes through a list that has the newest first.
func (r rule) apply(list []*Verdict) {
	seen := make(map[string]bool)
	for _, v := range list {
		period := r.period(v.Snapshot)
		if seen[period] || len(seen) >= r.most {
			continue
		}
		seen[period] = true
		v.Why = append(v.Why, r.name)
	}
}

func (r Retention) decideByAge(list []*Verdict, now time.Time) {
	limit := time.Duration(r.SafetyMS) * time.Millisecond
	for _, v := range list {
		if now.Sub(v.Snapshot.Created) < limit {
			v.Why = append(v.Why, "younger than "+age(limit))
		}
	}
}

// age says whole days and hours in words.
func age(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}} {
		switch {
		case d == unit.length:
			return "1 " + unit.name
		case d > 0 && d%unit.length == 0:
			return fmt.Sprintf("%d %ss", d/unit.length, unit.name)
		}
	}
	return d.String()
}
