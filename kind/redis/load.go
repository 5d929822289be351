package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/internal/dsn"
	"dogear/internal/rdb"
	"dogear/kind"
)

// answerWait is how long a server that was just started is waited for until
// it says anything. While it says that it loads its files there is no limit.
const answerWait = time.Minute

// Start loads a server that has started with files that are not its state.
func (d *Driver) Start(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := getMeta(ctx, part, source)
	if err != nil || !want.Running {
		return err
	}
	now := *ws
	now.Shared = nil // what was known before the start does not count
	if err := d.await(ctx, &now, part.Item()); err != nil {
		return err
	}
	return d.converge(ctx, &now, part, source)
}

// WaitHealthy waits until the server answers and has loaded its files. One
// that did not run when it was captured need not run.
func (d *Driver) WaitHealthy(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	m, err := getMeta(ctx, part, source)
	if err != nil || !m.Running {
		return err
	}
	return d.await(ctx, ws, part.Item())
}

func (d *Driver) await(ctx context.Context, ws *kind.Workspace, item kind.Item) error {
	deadline := time.Now().Add(answerWait)
	return docker.Poll(ctx, func() (bool, error) {
		s, err := d.server(ctx, ws, item)
		if err != nil { // it may not be there yet
			return time.Now().After(deadline), err
		}
		c, err := s.connect(ctx)
		if err == nil {
			var said string
			if said, err = c.Info(ctx, "persistence").Result(); err == nil && parseInfo(said)["loading"] == "1" {
				err = refusals{loading{}}
			}
			c.hangUp()
		}
		return err == nil || !isLoading(err) && time.Now().After(deadline), cannotAsk(ctx, err)
	})
}

// loading is what a server says that answers while it loads.
type loading struct{}

func (loading) Error() string { return "LOADING the server is loading its files" }
func (loading) RedisError()   {}

// plan is what is to be done to a server.
type plan struct {
	settings []string // to be set
	users    []string // to be set or deleted
	memory   bool     // to be loaded anew
	moved    int64    // by how much deadlines are to move
}

// compare works out what makes the live server what the part says.
func compare(ws *kind.Workspace, part kind.Part, want, live *meta) plan {
	var p plan
	for name, value := range want.Settings {
		if have, ok := live.Settings[name]; ok && have != value {
			p.settings = append(p.settings, name)
		}
	}
	slices.Sort(p.settings)
	if want.Users != nil && live.Users != nil {
		for _, name := range names(want.Users, live.Users) {
			if want.Users[name] != live.Users[name] {
				p.users = append(p.users, name)
			}
		}
	}
	if want.State == nil || live.State == nil || want.Master != "" || live.Master != "" {
		return p
	}
	p.moved = moved(ws, part)
	if ws.Option(Kind, "ttl") == ttlRemaining && len(want.State.perishing) > 0 && p.moved == 0 {
		p.moved = live.State.Taken - want.State.Taken
	}
	due, _ := want.State.at(live.State.Taken, p.moved)
	p.memory = !maps.Equal(due.Keys, live.State.Keys) || !maps.Equal(due.Libraries, live.State.Libraries)
	return p
}

func (p plan) nothing() bool { return len(p.settings) == 0 && len(p.users) == 0 && !p.memory }

func (p plan) details() []string {
	var lines []string
	for _, name := range p.settings {
		lines = append(lines, "set "+name)
	}
	for _, name := range p.users {
		lines = append(lines, "set user "+name)
	}
	if p.memory {
		lines = append(lines, "load all keys")
	}
	return lines
}

// possible says, before anything is touched, why the keys cannot be loaded.
func (p plan) possible(part kind.Part, want, live *meta) error {
	if !p.memory {
		return nil
	}
	if _, ok := part.Object(memoryObject); !ok {
		return nil // its files were captured instead; the facts tell whether they are enough
	}
	if want.State.Format > live.State.Format {
		return fmt.Errorf("the keys were captured from %s, and %s is too old to read them (format %d, it knows %d): use a server that is not older",
			want.Version, live.Version, want.State.Format, live.State.Format)
	}
	return nil
}

// converge makes the live server what the part says.
func (d *Driver) converge(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	want, err := getMeta(ctx, part, source)
	if err != nil || !want.Running {
		return err
	}
	s, err := d.server(ctx, ws, part.Item())
	if err != nil {
		return err
	}
	if mistaken := dsn.Mistaken(ws, Kind, want.Address, s.where()); len(mistaken) > 0 {
		return errors.New(mistaken[0])
	}
	c, err := s.connect(ctx)
	if err != nil {
		return cannotAsk(ctx, err)
	}
	defer c.hangUp()
	live, err := c.see(ctx)
	if err != nil {
		return err
	}
	p := compare(ws, part, want, live)
	if err := p.possible(part, want, live); err != nil {
		return err
	}
	c.applySettings(ctx, p, want)
	if memory, ok := part.Object(memoryObject); ok && p.memory {
		l := &loader{client: c, instant: live.State.Taken, moved: p.moved}
		l.atOnce = memory.Size <= mostAtOnce && live.info["cluster_enabled"] != "1" // where keys are of many slots
		if err := checkMemory(ctx, part, source, want.State); err != nil {
			return err
		}
		if err := l.load(ctx, memory, source, live.State); err != nil {
			c.applySettings(context.WithoutCancel(ctx), p, live)
			return err
		}
		if err := noteMoved(ws, part, p.moved); err != nil {
			return fmt.Errorf("remember that deadlines were moved: %w", err)
		}
	}
	return c.applyUsers(ctx, p, want)
}

// applySettings sets what can be set while the server runs. What cannot is
// named by the facts.
func (c *client) applySettings(ctx context.Context, p plan, want *meta) {
	for _, name := range p.settings {
		_ = c.ConfigSet(ctx, name, want.Settings[name]).Err()
	}
}

// applyUsers comes last: we may be one of them.
func (c *client) applyUsers(ctx context.Context, p plan, want *meta) error {
	for _, name := range p.users {
		command := []any{"ACL", "DELUSER", name}
		if rules, ok := want.Users[name]; ok {
			command = []any{"ACL", "SETUSER", name, "reset"}
			for _, word := range strings.Fields(rules) {
				command = append(command, word)
			}
		}
		if err := c.Do(ctx, command...).Err(); err != nil {
			return fmt.Errorf("bring back user %s: %w", name, err)
		}
	}
	return nil
}

// checkMemory reads what is to be loaded, before anything is removed for it.
func checkMemory(ctx context.Context, part kind.Part, source kind.Source, want *state) error {
	memory, _ := part.Object(memoryObject)
	have, err := readState(content.Open(ctx, source, memory), nil, want.Taken)
	if err != nil {
		return fmt.Errorf("read the captured memory (nothing was touched): %w", err)
	}
	if !maps.Equal(have.Keys, want.Keys) || !maps.Equal(have.Libraries, want.Libraries) {
		return errors.New("the captured memory is not what was captured: nothing was touched; run dogear check")
	}
	return nil
}

const (
	// batchSize is how many bytes of values are sent before answers are read.
	batchSize = 4 << 20
	// mostAtOnce is how many bytes are loaded in one transaction: the server keeps
	// them twice then, and answers nobody while it loads.
	mostAtOnce = 128 << 20
)

// loader loads keys into a server.
type loader struct {
	*client
	instant int64
	moved   int64
	atOnce  bool // in one transaction: who asks sees all of the old keys or of the new

	conn   *redis.Conn
	db     int
	batch  redis.Pipeliner
	size   int
	loaded int64
}

// load replaces all keys and functions. have is what there is now.
func (l *loader) load(ctx context.Context, memory kind.Object, source kind.Source, have *state) error {
	l.conn = l.Conn()
	defer func() { _ = l.conn.Close() }() // everything was answered
	l.batch, l.db = l.conn.Pipeline(), -1
	if l.atOnce {
		l.batch.Do(ctx, "MULTI")
	}
	if err := l.empty(ctx, have); err != nil {
		return fmt.Errorf("empty the server: %w", err)
	}
	reader := rdb.NewReader(content.Open(ctx, source, memory))
	reader.Payloads = true
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return l.finish(ctx)
		}
		if err != nil {
			return fmt.Errorf("read the captured memory: %w", err)
		}
		if err := l.add(ctx, record); err != nil {
			return err
		}
	}
}

// finish sends what is left, and has the server do all of it if it has only
// listened so far.
func (l *loader) finish(ctx context.Context) error {
	if err := l.flush(ctx); err != nil || !l.atOnce {
		return err
	}
	answers, err := l.conn.Do(ctx, "EXEC").Slice()
	if err != nil {
		return l.failed(err)
	}
	for _, a := range answers {
		if err, failed := a.(error); failed {
			return fmt.Errorf("load the keys, not all of which the server takes: %w", err)
		}
	}
	return nil
}

// failed says what state the server is in.
func (l *loader) failed(err error) error {
	if l.atOnce {
		return fmt.Errorf("load the keys (the server has those that it had, as they come in one transaction): %w", err)
	}
	return fmt.Errorf("load the keys, of which %d were sent: %w", l.loaded, err)
}

// empty removes all keys and functions, database by database: FLUSHALL would
// have the server write its file.
func (l *loader) empty(ctx context.Context, have *state) error {
	dbs := make(map[int]bool)
	for name := range have.Keys {
		if n, err := strconv.Atoi(strings.Fields(name)[1]); err == nil {
			dbs[n] = true
		}
	}
	for _, db := range slices.Sorted(maps.Keys(dbs)) {
		l.selectDB(ctx, db)
		l.batch.Do(ctx, "FLUSHDB")
	}
	if len(have.Libraries) > 0 {
		l.batch.Do(ctx, "FUNCTION", "FLUSH")
	}
	_, err := l.batch.Exec(ctx)
	return err
}

func (l *loader) selectDB(ctx context.Context, db int) {
	if l.db != db {
		l.batch.Do(ctx, "SELECT", db)
		l.db = db
	}
}

func (l *loader) add(ctx context.Context, r rdb.Record) error {
	switch {
	case r.Library != nil:
		l.batch.Do(ctx, "FUNCTION", "LOAD", "REPLACE", r.Library)
		return nil
	case r.Key == nil:
		return nil
	}
	deadline := r.Key.Deadline
	if deadline != 0 {
		deadline += l.moved
		if deadline <= l.instant {
			return nil
		}
	}
	l.selectDB(ctx, r.Key.DB)
	l.batch.Do(ctx, "RESTORE", r.Key.Name, deadline, r.Key.Payload, "REPLACE", "ABSTTL")
	l.loaded++
	if l.size += len(r.Key.Payload); l.size < batchSize {
		return nil
	}
	return l.flush(ctx)
}

func (l *loader) flush(ctx context.Context) error {
	if _, err := l.batch.Exec(ctx); err != nil {
		return l.failed(err)
	}
	l.size = 0
	return nil
}
