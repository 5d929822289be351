package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// text is a page as it arrives in a pipe.
func text(t *testing.T, show func(*render.Page)) string {
	t.Helper()
	var page render.Page
	show(&page)
	var out strings.Builder
	_, err := page.WriteTo(colorprofile.NewWriter(&out, []string{"NO_COLOR=1"}))
	require.NoError(t, err)
	require.NotContains(t, out.String(), "\x1b")
	return out.String()
}

func id(k, name string) kind.ID { return kind.ID{Kind: k, Name: name} }

func source() api.Snapshot {
	return api.Snapshot{
		ID: "01x", Reason: snapshot.ReasonPause, Ticket: "INC-42", Note: "fixing the search",
		Created: time.Date(2026, 11, 20, 14, 0, 0, 0, time.Local), Workspace: snapshot.Workspace{Root: "/shop"},
	}
}

func TestPausedNamesWhatWasLeftOut(t *testing.T) {
	r := api.CaptureResult{Snapshot: source(), Contents: api.Contents{
		Timings: api.Timings{FreezeMS: 120, TotalMS: 3210}, Bytes: api.Bytes{Read: 5 << 20, Added: 2048},
		Delta: api.Delta{Cloned: 2, Copied: 1},
		Parts: []api.Part{
			{ID: id("git", "."), Consistency: snapshot.Frozen},
			{ID: id("volume", "pg"), Consistency: snapshot.Stopped},
			{ID: id("files", "."), Consistency: snapshot.Live},
		},
		NotCaptured: []api.Gap{
			{Part: id("container", "web"), What: "memory of its processes", Why: "it exists only while it runs"},
			{Part: id("container", "db"), What: "memory of its processes", Why: "it exists only while it runs"},
			{Part: id("postgres", "db/shop"), What: "dump"},
		},
	}}
	require.Equal(t, `Paused /shop as 01x
  3 parts: 1 stopped, 1 frozen, 1 live, not for certain of the same moment (files/.)
  5.0 MiB read, 2.0 KiB added to the store
  3.2s in all, frozen for 120ms
  2 changed files shared with the file system (reflink), 1 copied
Not captured
  container/web, container/db: memory of its processes (it exists only while it runs)
  postgres/db/shop: dump
The desk is clear. dogear resume brings it back; dogear undo starts it again at once.
`, text(t, func(p *render.Page) { render.Paused(p, r) }))
}

func TestResumedSaysWhetherItIsBack(t *testing.T) {
	r := api.RestoreResult{
		Source: source(), Target: snapshot.Workspace{Root: "/shop"}, AwayMS: 8_040_000,
		Receipt: &api.Receipt{
			ID: "01r", Identical: true, Safety: "01s", Parts: make([]snapshot.PartReceipt, 2),
			Timings: api.RestoreTimings{OutageMS: 900, HealthyMS: 2100, TotalMS: 61_000},
			Kept:    []snapshot.Kept{{Part: id("git", "."), What: "hotfix/INC-42, 3 commits"}},
			ChangedAfterStart: []api.Difference{{Part: id("volume", "pg"), Fact: "a"}, {Part: id("volume", "pg"), Fact: "b"},
				{Part: id("container", "web"), Fact: "port of this host for 80/tcp", Want: "127.0.0.1:49153", Have: "127.0.0.1:49154", Half: snapshot.Running}},
			NotComparable: []api.Gap{{Part: id("mongo", "db"), What: "all facts", Why: "no driver"}},
		},
	}
	require.Equal(t, `Resumed /shop from 01x (pause of 2026-11-20 14:00:00, INC-42, fixing the search)
  you were away for 2h14m
  identical in all of 2 parts that can be compared; what cannot is listed below
  outage 900ms, healthy after 2.1s, 1m1s in all
Kept from the time between
  git/.: hotfix/INC-42, 3 commits
Not comparable
  mongo/db: all facts (no driver)
Changed by what was started (no difference: it runs; --json lists it)
  volume/pg: 2 paths
Another one now (no difference: it cannot be chosen)
  container/web: port of this host for 80/tcp: 127.0.0.1:49153 -> 127.0.0.1:49154
dogear receipt 01r shows the proof again.
The state before is in safety snapshot 01s; dogear undo brings it back.
`, text(t, func(p *render.Page) { render.Resumed(p, r) }))
}

func TestReceiptSaysHowItWasProven(t *testing.T) {
	r := api.ReceiptResult{Event: 7, Proof: "ab12", Receipt: api.Receipt{
		ID: "01r", Snapshot: "01x", Safety: "01s", Identical: true, Workspace: snapshot.Workspace{Root: "/shop"},
		Have: "cd34", Want: "cd34", Parts: []snapshot.PartReceipt{{Part: id("git", "."), Method: "patch", Read: "stat", Bytes: 2048}},
	}}
	out := text(t, func(p *render.Page) { render.Receipt(p, r) })
	require.Contains(t, out, "Receipt 01r: /shop restored from 01x on ")
	require.Contains(t, out, "\n  identical: every byte at rest and every fact of 1 part compared\n")
	require.Contains(t, out, "\n  as event 7 of the log says, SHA-256 ab12\n")
	require.Regexp(t, `git/\. +patch +stat +2\.0 KiB\n`, out)
}

func TestRestoredNamesEveryDifference(t *testing.T) {
	r := api.RestoreResult{Source: source(), Target: snapshot.Workspace{Root: "/shop"}, Unhealthy: []string{"container/web: exited with 1"},
		Pulled: []restore.Pulled{{Part: id("image", "web"), By: id("container", "web")}},
		Receipt: &api.Receipt{Differences: []api.Difference{
			{Part: id("git", "."), Fact: "HEAD", Want: "ref: main", Have: "ref: other"},
			{Part: id("git", "."), Fact: "./gone", Want: "file sha256=" + strings.Repeat("ab", 32)},
			{Part: id("volume", "x"), Fact: "./new", Have: "file"},
		}}}
	out := text(t, func(p *render.Page) { render.Restored(p, r) })
	require.Contains(t, out, "not identical: 3 differences in 0 parts")
	require.Contains(t, out, "\n  with image/web, which container/web needs\n")
	require.Contains(t, out, "Restored, but not healthy\n  container/web: exited with 1\n")
	require.Contains(t, out, "git/.\n  ~ HEAD: ref: main -> ref: other\n  - ./gone: file sha256=ababababab…\nvolume/x\n  + ./new: file\n")
}

func TestStatusPromisesNothingOfWhatItCannotCompare(t *testing.T) {
	r := api.CompareResult{Snapshot: source(), Workspace: snapshot.Workspace{Root: "/shop"}, Identical: true}
	require.Contains(t, text(t, func(p *render.Page) { render.Status(p, r) }), "\n  identical\nNothing that was captured has changed.\n")
	r.NotComparable = []api.Gap{{Part: id("postgres", "db"), What: "all facts", Why: "its server is not running"}}
	out := text(t, func(p *render.Page) { render.Status(p, r) })
	require.Contains(t, out, "\n  identical in all that can be compared; what cannot is listed below\nNot comparable\n")
	require.NotContains(t, out, "Nothing that was captured")
}

func TestPlanTouchesNothing(t *testing.T) {
	steps := []restore.Step{
		{Part: id("git", "."), Change: kind.Change{Action: kind.ActionPatch, Bytes: 10, Details: strings.Split(strings.Repeat("x", 10), "")}},
		{Part: id("files", "."), Change: kind.Change{Action: kind.ActionNone}},
	}
	r := api.RestoreResult{Source: source(), Target: snapshot.Workspace{Root: "/shop"}, Plan: &api.Plan{
		Steps: steps, Bytes: 10, Stop: []kind.ID{id("container", "web")}, Conflicts: []string{"container/web: port 80 is taken"},
	}}
	out := text(t, func(p *render.Page) { render.Restored(p, r) })
	require.Contains(t, out, "ITEM     ACTION  WRITES\ngit/.    patch   10 B\nfiles/.  none    0 B\n")
	require.Contains(t, out, "  x\n  and 2 more\n")
	require.Contains(t, out, "Stopped meanwhile: container/web\nin the way: container/web: port 80 is taken\nNothing was touched, and nothing will be as long as something is in the way.\n")
}
