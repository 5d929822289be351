package restore_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// lively is a driver of items that start, and are healthy when they say so.
type lively struct {
	runner
	start   func(context.Context, kind.ID) error
	healthy func(context.Context, kind.ID) error
	kind    string
}

func (l *lively) Kind() string { return l.kind }

func (l *lively) Find(context.Context, *kind.Workspace, []kind.Item) ([]kind.Item, error) {
	return nil, nil
}

func (l *lively) Start(ctx context.Context, _ *kind.Workspace, part kind.Part, _ kind.Source) error {
	return l.start(ctx, part.ID)
}

func (l *lively) WaitHealthy(ctx context.Context, _ *kind.Workspace, part kind.Part, _ kind.Source) error {
	return l.healthy(ctx, part.ID)
}

// startShop starts a server in a box, and an app in another, and returns in which
// order that went, and what was said about it.
func startShop(t *testing.T, boxHealthy, serverStart func(context.Context) error) (events, said []string) {
	t.Helper()
	d := newDesk(t)
	box, server, app := kind.ID{Kind: "box", Name: "db"}, kind.ID{Kind: "server", Name: "db"}, kind.ID{Kind: "box", Name: "app"}
	require.NoError(t, os.WriteFile(d.journal(), []byte(`{"begun":["box/db","server/db","box/app"]}`), 0o600))
	journal, err := restore.ReadJournal(d.journal())
	require.NoError(t, err)
	var mu sync.Mutex
	note := func(event string) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, event)
	}
	boxes := &lively{
		kind: "box", start: func(_ context.Context, id kind.ID) error { note("start " + id.Name); return nil },
		healthy: func(ctx context.Context, id kind.ID) error {
			if id == app {
				return nil
			}
			err := boxHealthy(ctx)
			note("box looked at")
			return err
		},
	}
	servers := &lively{
		kind: "server", healthy: func(context.Context, kind.ID) error { return nil },
		start: func(ctx context.Context, _ kind.ID) error { note("start server"); return serverStart(ctx) },
	}
	safety := snapshot.Snapshot{Parts: []snapshot.Part{
		{Part: kind.Part{ID: app}}, {Part: kind.Part{ID: box}}, {Part: kind.Part{ID: server, RunsIn: box, Needs: []kind.ID{box}}},
	}}
	require.NoError(t, restore.Rollback{
		Drivers: []kind.Driver{boxes, servers}, Workspace: d.ws, Safety: safety, Journal: journal,
		Source: d.store, Guard: unguarded{}, HealthTimeout: time.Minute, Progress: func(line string) { said = append(said, line) },
	}.Run(t.Context()))
	return events, said
}

// A server is asked as soon as the box that it runs in was started: it may
// answer long before the box is called healthy. What does not run in another
// waits for that. Fails without what await makes of RunsIn.
func TestAServerIsStartedBeforeItsBoxIsHealthy(t *testing.T) {
	asked := make(chan struct{})
	events, said := startShop(t,
		func(ctx context.Context) error {
			select {
			case <-asked:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		func(context.Context) error { close(asked); return nil })
	require.Equal(t, []string{"start db", "start server", "box looked at", "start app"}, events)
	require.Len(t, said, 1, "what is taken back, and nobody ails")
}

// Nobody waits for a server in a box that does not come up, and what is wrong
// with both is said. Fails without life.
func TestNobodyWaitsForAServerInABoxThatIsDown(t *testing.T) {
	_, said := startShop(t,
		func(context.Context) error { return errors.New("it is down") },
		func(ctx context.Context) error { <-ctx.Done(); return errors.New("nobody answers") })
	require.Equal(t, []string{"box/db: it is down", "server/db: nobody answers"}, said[1:])
}

// An app that does not say what it needs may have looked for it too early: it is
// started once more when all else is there, before it is called ill. It fails
// without the second round.
func TestWhatAilsIsStartedOnceMore(t *testing.T) {
	for ills, said := range map[int]int{1: 1, 2: 2} {
		d := newDesk(t)
		app := kind.ID{Kind: "box", Name: "app"}
		require.NoError(t, os.WriteFile(d.journal(), []byte(`{"begun":["box/app"]}`), 0o600))
		j, err := restore.ReadJournal(d.journal())
		require.NoError(t, err)
		starts, lines := 0, 0
		boxes := &lively{
			kind: "box", start: func(context.Context, kind.ID) error { starts++; return nil },
			healthy: func(context.Context, kind.ID) error {
				if starts <= ills {
					return errors.New("it found nobody")
				}
				return nil
			},
		}
		require.NoError(t, restore.Rollback{
			Drivers: []kind.Driver{boxes}, Workspace: d.ws, Journal: j, Source: d.store, Guard: unguarded{}, HealthTimeout: time.Minute,
			Safety: snapshot.Snapshot{Parts: []snapshot.Part{{Part: kind.Part{ID: app}}}}, Progress: func(string) { lines++ },
		}.Run(t.Context()))
		require.Equal(t, 2, starts)
		require.Equal(t, said, lines, "what is taken back, and who ails")
	}
}

// What is wrong with an item that did not come up in time is what was seen, not
// that there was no time to look when it was started once more. It fails without
// late.
func TestWhatWasSeenInTimeIsSaid(t *testing.T) {
	d := newDesk(t)
	app := kind.ID{Kind: "box", Name: "app"}
	require.NoError(t, os.WriteFile(d.journal(), []byte(`{"begun":["box/app"]}`), 0o600))
	j, err := restore.ReadJournal(d.journal())
	require.NoError(t, err)
	boxes := &lively{
		kind: "box", start: func(context.Context, kind.ID) error { return nil },
		healthy: func(ctx context.Context, _ kind.ID) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			<-ctx.Done()
			return errors.New("it is starting")
		},
	}
	var said []string
	require.NoError(t, restore.Rollback{
		Drivers: []kind.Driver{boxes}, Workspace: d.ws, Journal: j, Source: d.store, Guard: unguarded{}, HealthTimeout: 100 * time.Millisecond,
		Safety: snapshot.Snapshot{Parts: []snapshot.Part{{Part: kind.Part{ID: app}}}}, Progress: func(line string) { said = append(said, line) },
	}.Run(t.Context()))
	require.Equal(t, []string{"box/app: it is starting"}, said[1:])
}

// A server whose box was neither stopped nor touched has run on, and may have been
// written to since the safety snapshot: a rollback does not load it. It fails
// without ranOn.
func TestARollbackLeavesServersAloneThatRanOn(t *testing.T) {
	box, server := kind.ID{Kind: "box", Name: "db"}, kind.ID{Kind: "server", Name: "db"}
	for journal, loads := range map[string]int{
		`{"begun":["box/app"]}`:                             0,
		`{"begun":["box/db"]}`:                              1,
		`{"begun":["server/db"]}`:                           1,
		`{"begun":["box/app"],"plan":{"quiet":["box/db"]}}`: 1,
	} {
		d := newDesk(t)
		require.NoError(t, os.WriteFile(d.journal(), []byte(journal), 0o600))
		j, err := restore.ReadJournal(d.journal())
		require.NoError(t, err)
		well := func(context.Context, kind.ID) error { return nil }
		loaded := 0
		boxes := &lively{kind: "box", start: well, healthy: well}
		servers := &lively{kind: "server", healthy: well, start: func(context.Context, kind.ID) error { loaded++; return nil }}
		require.NoError(t, restore.Rollback{
			Drivers: []kind.Driver{boxes, servers}, Workspace: d.ws, Journal: j, Source: d.store, Guard: unguarded{}, HealthTimeout: time.Minute,
			Safety: snapshot.Snapshot{Parts: []snapshot.Part{{Part: kind.Part{ID: box}}, {Part: kind.Part{ID: server, RunsIn: box, Needs: []kind.ID{box}}}}},
		}.Run(t.Context()))
		require.Equal(t, loads, loaded, journal)
	}
}

// prober is a driver whose items can be seen to do their work.
type prober struct {
	lively
	probe func(context.Context, kind.ID) error
}

func (p *prober) Probe(ctx context.Context, _ *kind.Workspace, part kind.Part, _ kind.Source) error {
	return p.probe(ctx, part.ID)
}

// What needs an item starts when that is seen to do its work, not when it is
// called healthy, and waits for nothing that it does not need. Fails without
// probe, and where the levels are waited for.
func TestEachStartsAsSoonAsItMay(t *testing.T) {
	d := newDesk(t)
	box := func(name string) kind.ID { return kind.ID{Kind: "box", Name: name} }
	db, slow, app := box("db"), box("slow"), box("app")
	require.NoError(t, os.WriteFile(d.journal(), []byte(`{"begun":["box/db","box/slow","box/app"]}`), 0o600))
	journal, err := restore.ReadJournal(d.journal())
	require.NoError(t, err)
	appStarted := make(chan struct{})
	boxes := &prober{
		lively: lively{
			kind: "box",
			start: func(_ context.Context, id kind.ID) error {
				if id == app {
					close(appStarted)
				}
				return nil
			},
			healthy: func(ctx context.Context, _ kind.ID) error {
				select {
				case <-appStarted:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
		},
		probe: func(ctx context.Context, id kind.ID) error {
			if id == db {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		},
	}
	safety := snapshot.Snapshot{Parts: []snapshot.Part{
		{Part: kind.Part{ID: app, Needs: []kind.ID{db}}}, {Part: kind.Part{ID: db}}, {Part: kind.Part{ID: slow}},
	}}
	var said []string
	require.NoError(t, restore.Rollback{
		Drivers: []kind.Driver{boxes}, Workspace: d.ws, Safety: safety, Journal: journal,
		Source: d.store, Guard: unguarded{}, HealthTimeout: time.Minute, Progress: func(line string) { said = append(said, line) },
	}.Run(t.Context()))
	require.Len(t, said, 1, "nobody ails")
}
