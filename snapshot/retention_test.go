package snapshot_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dogear/snapshot"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// at returns a snapshot of so many hours before noon.
func at(hours int, reason snapshot.Reason) snapshot.Snapshot {
	created := noon.Add(-time.Duration(hours) * time.Hour)
	return snapshot.Snapshot{ID: snapshot.ID(fmt.Sprintf("%012d", created.Unix())), Reason: reason, Created: created}
}

// kept decides, and returns how many hours before noon what is kept was taken.
func kept(r snapshot.Retention, all []snapshot.Snapshot, needed map[snapshot.ID]string) (hours []int) {
	for _, v := range r.Decide(all, needed, noon) {
		if v.Kept() {
			hours = append(hours, int(noon.Sub(v.Snapshot.Created).Hours()))
		}
	}
	return hours
}

func TestNothingMadeByHandGoesUnasked(t *testing.T) {
	all := []snapshot.Snapshot{at(1, snapshot.ReasonSave), at(90000, snapshot.ReasonSave), at(91000, snapshot.ReasonPause)}
	require.Equal(t, []int{1, 90000, 91000}, kept(snapshot.Retention{}, all, nil))
}

func TestRetentionKeepsTheNewestOfEachPeriod(t *testing.T) {
	var all []snapshot.Snapshot
	for hour := range 24 * 400 {
		if hour%6 == 0 {
			all = append(all, at(hour, snapshot.ReasonSave))
		}
	}
	days := func(n int) int { return 24 * n }
	for name, c := range map[string]struct {
		retention snapshot.Retention
		want      []int
	}{
		"last":    {snapshot.Retention{Last: 3}, []int{0, 6, 12}},
		"hourly":  {snapshot.Retention{Hourly: 2}, []int{0, 6}},
		"daily":   {snapshot.Retention{Daily: 3}, []int{0, 18, 42}},
		"weekly":  {snapshot.Retention{Weekly: 3}, []int{0, 66, 66 + days(7)}}, // a Wednesday, and Sundays at 18:00
		"monthly": {snapshot.Retention{Monthly: 2}, []int{0, days(24) + 18}},
		"yearly":  {snapshot.Retention{Yearly: 9}, []int{0, days(328) + 18}},
		"several": {snapshot.Retention{Last: 2, Daily: 2, Monthly: 2}, []int{0, 6, 18, days(24) + 18}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, kept(c.retention, all, nil))
		})
	}
}

func TestSafetySnapshotsGoAfterTheirTime(t *testing.T) {
	all := []snapshot.Snapshot{at(30, snapshot.ReasonSafety), at(50, snapshot.ReasonSafety), at(71, snapshot.ReasonSafety), at(80, snapshot.ReasonSave)}
	hours := func(n int64) int64 { return n * time.Hour.Milliseconds() }
	require.Equal(t, []int{30, 50, 80}, kept(snapshot.Retention{SafetyMS: hours(60)}, all, nil))
	require.Equal(t, []int{30, 80}, kept(snapshot.Retention{}, all, nil), "the newest always stays")
	require.Equal(t, []int{30, 71, 80}, kept(snapshot.Retention{}, all, map[snapshot.ID]string{all[2].ID: "undo"}))
	all[1].Ticket = "INC-1" // that of what was restored
	require.Equal(t, []int{30, 80}, kept(snapshot.Retention{}, all, nil))
	all[1].Pinned = true
	require.Equal(t, []int{30, 50, 80}, kept(snapshot.Retention{}, all, nil))
}

func TestReasonsAreForPeople(t *testing.T) {
	named := at(2, snapshot.ReasonPause)
	named.Name, named.Ticket, named.Pinned = "base", "INC-42", true
	why := func(r snapshot.Retention, s snapshot.Snapshot) []string {
		return r.Decide([]snapshot.Snapshot{s}, map[snapshot.ID]string{named.ID: "undo needs it"}, noon)[0].Why
	}
	require.Equal(t, []string{"undo needs it", "pinned", "named base", "for INC-42", "last"}, why(snapshot.Retention{Last: 1}, named))
	require.Equal(t, []string{"every save is kept"}, why(snapshot.Retention{}, at(1, snapshot.ReasonSave)))
	week := snapshot.Retention{SafetyMS: (7 * 24 * time.Hour).Milliseconds()}
	require.Equal(t, []string{"the newest safety snapshot", "younger than 7 days"}, why(week, at(1, snapshot.ReasonSafety)))
	for length, said := range map[time.Duration]string{
		48 * time.Hour: "2 days", 24 * time.Hour: "1 day", 36 * time.Hour: "36 hours", 90 * time.Minute: "1h30m0s",
	} {
		r := snapshot.Retention{SafetyMS: length.Milliseconds()}
		require.Equal(t, []string{"the newest safety snapshot", "younger than " + said}, why(r, at(1, snapshot.ReasonSafety)))
	}
}

// history is any list of snapshots of one workspace, and what is needed of it.
func history(t *rapid.T) (all []snapshot.Snapshot, needed map[snapshot.ID]string) {
	hours := rapid.SliceOfNDistinct(rapid.IntRange(-2, 24*900), 0, 60, rapid.ID[int]).Draw(t, "hours")
	needed = make(map[snapshot.ID]string)
	for _, h := range hours {
		s := at(h, rapid.SampledFrom([]snapshot.Reason{snapshot.ReasonSave, snapshot.ReasonPause, snapshot.ReasonSafety}).Draw(t, "reason"))
		switch rapid.IntRange(0, 12).Draw(t, "label") {
		case 0:
			s.Name = "n"
		case 1:
			s.Pinned = true
		case 2:
			s.Ticket = "t"
		case 3:
			needed[s.ID] = "needed"
		}
		all = append(all, s)
	}
	return all, needed
}

func policy(t *rapid.T) snapshot.Retention {
	n := func(label string) int { return rapid.IntRange(0, 8).Draw(t, label) }
	return snapshot.Retention{
		Last: n("last"), Hourly: n("hourly"), Daily: n("daily"), Weekly: n("weekly"), Monthly: n("monthly"), Yearly: n("yearly"),
		SafetyMS: int64(n("safety")) * (24 * time.Hour).Milliseconds(),
	}
}

func keptOf(verdicts []snapshot.Verdict) (list []snapshot.Snapshot) {
	for _, v := range verdicts {
		if v.Kept() {
			list = append(list, v.Snapshot)
		}
	}
	return list
}

// TestRetentionIsWhatItsRulesSay works out each snapshot by itself.
func TestRetentionIsWhatItsRulesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, needed := history(t)
		r := policy(t)
		for _, v := range r.Decide(all, needed, noon) {
			s := v.Snapshot
			want := s.Pinned || s.Name != "" || needed[s.ID] != "" || s.Ticket != "" && s.Reason != snapshot.ReasonSafety
			if s.Reason == snapshot.ReasonSafety {
				want = want || newestIn(all, s, func(time.Time) string { return "" }, 1) || noon.Sub(s.Created).Milliseconds() < r.SafetyMS
			} else {
				want = want || keptByRules(r, all, s)
			}
			require.Equal(t, want, v.Kept(), "%v of %v: %v", s, r, v.Why)
		}
	})
}

func keptByRules(r snapshot.Retention, all []snapshot.Snapshot, s snapshot.Snapshot) bool {
	format := func(layout string) func(time.Time) string {
		return func(t time.Time) string { return t.Format(layout) }
	}
	monday := func(t time.Time) string {
		return t.AddDate(0, 0, -(int(t.Weekday())+6)%7).Format(time.DateOnly)
	}
	none := r.Last+r.Hourly+r.Daily+r.Weekly+r.Monthly+r.Yearly == 0
	return none || newestIn(all, s, format(time.RFC3339Nano), r.Last) || newestIn(all, s, format("2006010215"), r.Hourly) ||
		newestIn(all, s, format("20060102"), r.Daily) || newestIn(all, s, monday, r.Weekly) ||
		newestIn(all, s, format("200601"), r.Monthly) || newestIn(all, s, format("2006"), r.Yearly)
}

// newestIn reports whether s is the newest of its period, and that is one of
// the newest n.
func newestIn(all []snapshot.Snapshot, s snapshot.Snapshot, period func(time.Time) string, n int) bool {
	newer := make(map[string]bool)
	for _, other := range all {
		sameKind := (other.Reason == snapshot.ReasonSafety) == (s.Reason == snapshot.ReasonSafety)
		if sameKind && other.Created.After(s.Created) {
			newer[period(other.Created)] = true
		}
	}
	return !newer[period(s.Created)] && len(newer) < n
}

func TestMoreRetentionKeepsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, needed := history(t)
		r := policy(t)
		r.Last++ // not the one that keeps all
		more := r
		for _, n := range []*int{&more.Last, &more.Hourly, &more.Daily, &more.Weekly, &more.Monthly, &more.Yearly} {
			*n += rapid.IntRange(0, 3).Draw(t, "more")
		}
		more.SafetyMS += rapid.Int64Range(0, 1<<32).Draw(t, "longer")
		require.Subset(t, keptOf(more.Decide(all, needed, noon)), keptOf(r.Decide(all, needed, noon)))
	})
}

func TestRetentionIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, needed := history(t)
		r := policy(t)
		list := keptOf(r.Decide(all, needed, noon))
		require.Equal(t, list, keptOf(r.Decide(list, needed, noon)), "what was kept is kept the second time")
		mixed := rapid.Permutation(all).Draw(t, "another order")
		require.Equal(t, list, keptOf(r.Decide(mixed, needed, noon)))
	})
}
