package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/snapshot"
)

// noon of a Friday.
func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func taken(id, name string, reason snapshot.Reason, ago time.Duration) snapshot.Snapshot {
	return snapshot.Snapshot{ID: snapshot.ID(id), Name: name, Reason: reason, Created: noon().Add(-ago)}
}

func shelf() []snapshot.Snapshot {
	return []snapshot.Snapshot{
		taken("01d4", "", snapshot.ReasonSafety, time.Minute),
		taken("01c3", "base", snapshot.ReasonPause, time.Hour),
		taken("01b2", "", snapshot.ReasonSave, 22*time.Hour), // yesterday 14:00
		taken("01a1", "base", snapshot.ReasonSave, 48*time.Hour),
	}
}

func TestResolve(t *testing.T) {
	for ref, want := range map[string]snapshot.ID{
		"latest":               "01c3", // never one taken for safety
		"latest~0":             "01c3",
		"latest~2":             "01a1",
		"base":                 "01c3", // the newest of that name
		"01d":                  "01d4", // safety ones by id
		"01A1":                 "01a1",
		"yesterday 14:00":      "01b2",
		"yesterday 13:59":      "01a1",
		"yesterday":            "01b2",
		"2026-11-18":           "01a1",
		"2026-11-20":           "01c3",
		"11:30":                "01c3",
		"2 hours ago":          "01b2",
		"2026-11-19T14:00:00Z": "01b2",
	} {
		s, err := resolve(shelf(), ref, noon())
		require.NoError(t, err, ref)
		require.Equal(t, want, s.ID, ref)
	}
}

func TestResolveSaysWhatIsWrong(t *testing.T) {
	for ref, want := range map[string]struct {
		code    api.Code
		message string
	}{
		"01":         {api.CodeUsage, "4 snapshots begin with it\n  01d4"},
		"latest~3":   {api.CodeNotFound, "this workspace has 3 snapshots"},
		"latest~x":   {api.CodeNotFound, `no snapshot "latest~x"`},
		"2026-11-17": {api.CodeNotFound, "no snapshot at or before 2026-11-17"},
		"feature":    {api.CodeNotFound, `no snapshot "feature"`},
		"":           {api.CodeNotFound, "no snapshot"},
	} {
		_, err := resolve(shelf(), ref, noon())
		require.ErrorContains(t, err, want.message, ref)
		require.Equal(t, want.code, api.AsError(err).Code, ref)
	}
	_, err := resolve(nil, "latest", noon())
	require.Equal(t, api.CodeNotFound, api.AsError(err).Code)
}

func TestParseWhen(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-11-20T09:00:00+02:00": time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC),
		"2026-11-19 9:30":           time.Date(2026, 11, 19, 9, 30, 0, 0, time.UTC),
		"2026-11-19":                time.Date(2026, 11, 20, 0, 0, 0, -1, time.UTC),
		"Today 08:15:30":            time.Date(2026, 11, 20, 8, 15, 30, 0, time.UTC),
		"monday 9:00":               time.Date(2026, 11, 16, 9, 0, 0, 0, time.UTC),
		"friday":                    time.Date(2026, 11, 14, 0, 0, 0, -1, time.UTC), // a week ago: today is Friday
		"90m ago":                   time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC),
		"1 day ago":                 time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC),
		"2 weeks ago":               time.Date(2026, 11, 6, 12, 0, 0, 0, time.UTC),
	} {
		got, ok := parseWhen(text, noon())
		require.True(t, ok, text)
		require.True(t, want.Equal(got), "%s: %s, want %s", text, got, want)
	}
	for _, text := range []string{"", "soon", "25:00", "x ago", "3 fortnights ago", "yesterday noonish"} {
		_, ok := parseWhen(text, noon())
		require.False(t, ok, text)
	}
}

func TestUndoFollowsTheLog(t *testing.T) {
	pause := snapshot.Event{Seq: 1, Operation: snapshot.OpPause, Snapshot: "p", Outcome: outcomeDone}
	resume := snapshot.Event{Seq: 2, Operation: snapshot.OpResume, Snapshot: "p", Safety: "s2", Outcome: outcomeDone}
	save := snapshot.Event{Seq: 3, Operation: snapshot.OpSave, Snapshot: "x", Outcome: outcomeDone}
	failed := snapshot.Event{Seq: 4, Operation: snapshot.OpRestore, Safety: "s4", Outcome: outcomeRolledBack}
	undone := snapshot.Event{Seq: 5, Operation: snapshot.OpUndo, Safety: "s5", Undoes: 2, Outcome: outcomeDone}

	_, err := lastUndoable([]snapshot.Event{save})
	require.Equal(t, api.CodeNotFound, api.AsError(err).Code)

	for want, events := range map[snapshot.ID][]snapshot.Event{
		"p":  {pause},                               // what a pause stopped starts again
		"s2": {failed, save, resume, pause},         // a save and what failed are passed over
		"s5": {undone, failed, save, resume, pause}, // an undo of an undo does it again
	} {
		e, err := lastUndoable(events)
		require.NoError(t, err)
		require.Equal(t, want, undoTarget(e))
	}
	e, err := lastPause([]snapshot.Event{undone, save, resume, pause})
	require.NoError(t, err)
	require.Equal(t, uint64(1), e.Seq)
}
