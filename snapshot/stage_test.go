package snapshot_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"dogear/kind"
	"dogear/snapshot"
)

// stage is a workspace made for looking at the order of events: a box is
// something that runs, data is a tree that boxes write to, and a server is
// something in a box that holds a transaction. What happens is written down.
type stage struct {
	mu     sync.Mutex
	events []string
	items  []kind.Item

	running  map[kind.ID]string // box -> running, frozen, stopped
	runs     map[kind.ID]int    // box -> how often it was started
	watcher  kind.ID            // box that acts on others
	fragile  kind.ID            // box that its engine removes when it stops
	failAt   string             // event that fails
	onEvent  map[string]func()  // called before an event
	restless bool               // data changes while it is being read
	beside   []kind.Neighbour   // boxes that are not of the workspace
	passes   []int64            // how many bytes each pass over data reads
	seer     bool               // data is foreseen
	moved    bool               // data is not what was foreseen
}

func newStage(items ...kind.Item) *stage {
	s := &stage{items: items, running: map[kind.ID]string{}, runs: map[kind.ID]int{}, onEvent: map[string]func(){}}
	for _, it := range items {
		if it.ID.Kind == "box" {
			s.running[it.ID] = "running"
		}
	}
	return s
}

// shop is an app in a box that writes to a server in another box, whose files
// are data.
func shop() *stage {
	return newStage(
		kind.Item{ID: id("data/files")},
		kind.Item{ID: id("box/db"), Needs: []kind.ID{id("data/files")}},
		kind.Item{ID: id("box/app"), Needs: []kind.ID{id("box/db")}},
		kind.Item{ID: id("server/db"), RunsIn: id("box/db"), Needs: []kind.ID{id("box/db")},
			Claims: []kind.Claim{{On: id("data/files"), Paths: []kind.Pattern{"base"}}}},
	)
}

func id(s string) kind.ID {
	parsed, err := kind.ParseID(s)
	if err != nil {
		panic(err)
	}
	return parsed
}

func (s *stage) drivers() []kind.Driver {
	return []kind.Driver{&actor{s, "data"}, &box{actor{s, "box"}}, &actor{s, "server"}}
}

func (s *stage) happens(format string, args ...any) error {
	event := fmt.Sprintf(format, args...)
	s.mu.Lock()
	call := s.onEvent[event]
	s.mu.Unlock()
	if call != nil {
		call()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, event)
	if event == s.failAt {
		s.failAt = ""
		return fmt.Errorf("%s goes wrong", event)
	}
	return nil
}

// index returns when an event happened, and fails the test if it did not.
func (s *stage) index(t *testing.T, event string) int {
	t.Helper()
	i := slices.Index(s.events, event)
	if i < 0 {
		t.Fatalf("%q did not happen; what did: %q", event, s.events)
	}
	return i
}

func (s *stage) happened(event string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.events, event)
}

func (s *stage) request(session snapshot.Session, stop func(kind.ID) bool) snapshot.Request {
	return snapshot.Request{
		Drivers: s.drivers(), Workspace: &kind.Workspace{Root: "/stage"}, Session: session,
		Guard: (*guard)(s), Now: time.Now, Stop: stop,
	}
}

// guard writes down what is recorded before it is done.
type guard stage

func (g *guard) WillFreeze(id kind.ID) error { return (*stage)(g).happens("will freeze %s", id) }
func (g *guard) WillStop(id kind.ID) error   { return (*stage)(g).happens("will stop %s", id) }
func (g *guard) WillSettle(id kind.ID, _ string) error {
	return (*stage)(g).happens("will settle %s", id)
}
func (g *guard) Settled(kind.ID)   {}
func (g *guard) Thawed(id kind.ID) { _ = (*stage)(g).happens("thawed %s", id) }
func (g *guard) Resumed(kind.ID)   {}

// actor is the driver of one kind on the stage.
type actor struct {
	*stage
	kind string
}

func (a *actor) Kind() string { return a.kind }

func (a *actor) Find(context.Context, *kind.Workspace, []kind.Item) ([]kind.Item, error) {
	var out []kind.Item
	for _, it := range a.items {
		if it.ID.Kind == a.kind {
			out = append(out, it)
		}
	}
	return out, nil
}

func (a *actor) Inspect(_ context.Context, _ *kind.Workspace, item kind.Item) kind.Facts {
	return kind.Stream([]kind.Fact{{Name: "name", Value: item.ID.Name}})
}

func (a *actor) Open(_ context.Context, _ *kind.Workspace, item kind.Item, _ kind.Sink) (kind.Capture, error) {
	c := &performance{a: a, item: item}
	switch {
	case a.kind == "server":
		return &transaction{c}, a.happens("open %s", item.ID)
	case a.kind == "data" && a.seer:
		return &seer{performance: c}, a.happens("open %s", item.ID)
	case a.kind == "data" && a.passes != nil:
		return &gauge{performance: c}, a.happens("open %s", item.ID)
	}
	return c, a.happens("open %s", item.ID)
}

func (a *actor) Restore(context.Context, *kind.Workspace, kind.Part, kind.Source) error { return nil }

// performance is a capture on the stage.
type performance struct {
	a     *actor
	item  kind.Item
	taken time.Time
}

func (p *performance) Prepare(context.Context) error { return p.a.happens("prepare %s", p.item.ID) }

func (p *performance) Take(context.Context) error {
	p.taken = time.Now()
	return p.a.happens("take %s", p.item.ID)
}

func (p *performance) Finish(ctx context.Context) (kind.Part, error) {
	part := kind.Part{ID: p.item.ID, Facts: p.a.Inspect(ctx, nil, p.item), Read: 10, Delta: kind.Delta{Cloned: 1, Copied: 2, Pinned: 3}}
	if !p.a.restless || p.item.ID.Kind != "data" {
		part.Held = kind.Interval{From: p.taken, To: p.taken}
	} else {
		part.Gaps = []kind.Gap{{What: "base", Why: "it never held still"}}
	}
	return part, p.a.happens("finish %s", p.item.ID)
}

func (p *performance) Close() error { return p.a.happens("close %s", p.item.ID) }

// gauge is a performance of which is known how much each pass reads.
type gauge struct {
	*performance
	made int
	read int64
}

func (g *gauge) Prepare(ctx context.Context) error {
	g.read += g.a.passes[g.made]
	g.made++
	return g.performance.Prepare(ctx)
}

func (g *gauge) Read() int64 { return g.read }

// seer is a performance that foresees itself.
type seer struct{ *performance }

var _ kind.Foreseer = (*seer)(nil)

func (s *seer) Foresee(context.Context) (kind.Part, bool, error) {
	part := kind.Part{ID: s.item.ID, Facts: kind.Stream([]kind.Fact{{Name: "foreseen"}, {Name: "name"}})}
	return part, true, s.a.happens("foresee %s", s.item.ID)
}

func (s *seer) CameTrue() (kind.Interval, bool) {
	return kind.Interval{From: s.taken, To: s.taken}, !s.a.moved
}

type transaction struct{ *performance }

func (t *transaction) Hold(context.Context) error { return t.a.happens("hold %s", t.item.ID) }

func (t *transaction) Finish(ctx context.Context) (kind.Part, error) {
	part, err := t.performance.Finish(ctx)
	part.Transaction = true
	return part, err
}

// Data rests.
var _ kind.Resting = (*actor)(nil)

func (a *actor) InspectRest(context.Context, *kind.Workspace, kind.Item) kind.Facts {
	return kind.Stream(nil)
}
func (a *actor) Rest(context.Context, kind.Part, kind.Source) kind.Facts { return kind.Stream(nil) }

// box is the driver of what runs.
type box struct{ actor }

var (
	_ kind.Watchful    = (*box)(nil)
	_ kind.Neighbourly = (*box)(nil)

	_ kind.Freezer = (*box)(nil)
	_ kind.Stopper = (*box)(nil)
)

// move brings a box from one state to another, if it is in the first.
func (b *box) move(id kind.ID, from, to, verb string) (bool, error) {
	b.mu.Lock()
	is := b.running[id] == from
	b.mu.Unlock()
	if !is {
		return false, nil
	}
	if err := b.happens("%s %s", verb, id); err != nil {
		return false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running[id] = to
	return true, nil
}

func (b *box) Watches(_ context.Context, _ *kind.Workspace, id kind.ID) (bool, error) {
	return id == b.watcher, nil
}

func (b *box) Neighbours(context.Context, *kind.Workspace) ([]kind.Neighbour, error) {
	return b.beside, nil
}

func (b *box) Freeze(_ context.Context, _ *kind.Workspace, id kind.ID) (bool, error) {
	return b.move(id, "running", "frozen", "freeze")
}

func (b *box) Thaw(_ context.Context, _ *kind.Workspace, id kind.ID) error {
	_, err := b.move(id, "frozen", "running", "thaw")
	return err
}

func (b *box) Incarnation(_ context.Context, _ *kind.Workspace, id kind.ID) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running[id] == "stopped" {
		return "", nil
	}
	return fmt.Sprint(b.runs[id], b.running[id]), nil
}

func (b *box) Stop(_ context.Context, _ *kind.Workspace, id kind.ID) (bool, error) {
	if did, err := b.move(id, "frozen", "stopped", "stop"); did || err != nil {
		return did, err
	}
	return b.move(id, "running", "stopped", "stop")
}

func (b *box) Resume(_ context.Context, _ *kind.Workspace, id kind.ID) error {
	_, err := b.move(id, "stopped", "running", "resume")
	return err
}

func (b *box) StopsLast(_ context.Context, _ *kind.Workspace, id kind.ID) (bool, error) {
	return id == b.fragile, nil
}
