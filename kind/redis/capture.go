package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

// memoryObject is the name of what the memory held, as an RDB.
const memoryObject = "memory.rdb"

const (
	// holdTime is how long the workspace may stay frozen for a fork.
	holdTime = 15 * time.Second
	// childTime is how long a child that writes the server's own files is
	// waited for: the server does not fork a second time meanwhile.
	childTime = 2 * time.Minute
)

// capture is the capture of a server that runs.
type capture struct {
	ws     *kind.Workspace
	item   kind.Item
	sink   kind.Sink
	client *client
	// address is where the server is, if it is in no container.
	address string

	meta   *meta
	stream *replica
	taken  int64
	held   kind.Interval
	part   kind.Part
}

var (
	_ kind.Preparer = (*capture)(nil)
	_ kind.Holder   = (*capture)(nil)
)

// Open begins a capture. An item whose server cannot be asked is captured
// without facts, as its files are captured with the tree they are in.
func (d *Driver) Open(ctx context.Context, ws *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	s, err := d.server(ctx, ws, item)
	if err != nil {
		return nil, err
	}
	c, err := s.connect(ctx)
	if err = cannotAsk(ctx, err); errors.Is(err, kind.ErrNotRunning) {
		return &silent{item: item, sink: sink, why: err}, nil
	}
	if err != nil {
		return nil, err
	}
	return &capture{ws: ws, item: item, sink: sink, client: c, address: s.where(), part: kind.Part{ID: item.ID, Needs: item.Needs, RunsIn: item.RunsIn, Claims: item.Claims}}, nil
}

// Prepare waits until the server can fork at once.
func (c *capture) Prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, childTime)
	defer cancel()
	err := docker.Poll(ctx, func() (bool, error) {
		m, err := c.client.Info(ctx, "persistence").Result()
		if err != nil {
			return !isLoading(err), err
		}
		info := parseInfo(m)
		for _, child := range []string{"loading", "rdb_bgsave_in_progress", "aof_rewrite_in_progress"} {
			if info[child] == "1" {
				return false, fmt.Errorf("it is busy (%s)", child)
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the server: %w", err)
	}
	return nil
}

// Hold makes the server fork. The writers are frozen or stopped by now.
func (c *capture) Hold(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, holdTime)
	defer cancel()
	var err error
	if c.meta, err = c.client.describe(ctx); err != nil {
		return err
	}
	c.meta.Address = c.address
	if c.meta.isLarge() && c.ws.DumpOf(c.item.ID) != "always" {
		return nil
	}
	c.held.From = time.Now()
	c.stream, c.taken, err = c.client.hold(ctx, c.meta.Settings)
	c.held.To = time.Now()
	if err != nil && len(c.item.Claims) > 0 && c.meta.appends() && ctx.Err() == nil {
		c.gap("dump and facts", err.Error()+"; physical copy only")
		c.meta.Running = false
		return nil
	}
	return err
}

// Take has nothing to do: the memory is in a child of the server, which may be
// frozen with it.
func (c *capture) Take(context.Context) error {
	if c.meta == nil {
		return errors.New("the server was not asked to fork")
	}
	return nil
}

// Finish stores what the child sends, and lets go of the server: it may be
// stopped next.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	defer c.hangUp()
	if err := c.readMemory(ctx); err != nil {
		return kind.Part{}, err
	}
	object, err := content.PutJSON(ctx, c.sink, metaObject, c.meta)
	if err != nil {
		return kind.Part{}, err
	}
	c.part.Objects = append(c.part.Objects, object)
	c.findGaps()
	c.part.Facts = kind.Stream(nil)
	if c.meta.Running {
		c.part.Held, c.part.Transaction = c.held, true
		c.part.Facts = kind.Stream(c.meta.facts(c.ws.Redact))
	}
	return c.part, nil
}

func (c *capture) readMemory(ctx context.Context) error {
	if c.stream == nil {
		if c.meta.Running {
			c.gap("dump and digests of keys", fmt.Sprintf("%d GB in memory, physical copy only; --dumps always takes the dump", c.meta.size>>30))
		}
		return nil
	}
	defer context.AfterFunc(ctx, c.stream.close)()
	if err := c.keepMemory(ctx); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return c.storeDeadlines(ctx)
}

func (c *capture) storeDeadlines(ctx context.Context) error {
	if len(c.meta.State.perishing) == 0 {
		return nil
	}
	object, err := putPerishing(ctx, c.sink, c.meta.State.perishing)
	c.part.Objects = append(c.part.Objects, object)
	return err
}

// keepMemory reads the stream, and stores it unless the files say the same and
// nobody wants more.
func (c *capture) keepMemory(ctx context.Context) (err error) {
	if c.ws.DumpOf(c.item.ID) == "never" && c.meta.appends() && len(c.item.Claims) > 0 {
		c.gap("dump", "not wanted (--dumps never); physical copy only")
		c.meta.State, err = readState(c.stream, nil, c.taken)
		return err
	}
	return c.store(ctx, c.stream, c.taken)
}

// store digests a stream, and stores it.
func (c *capture) store(ctx context.Context, stream io.Reader, taken int64) error {
	r, w := io.Pipe()
	read := make(chan *state, 1)
	go func() {
		s, err := readState(stream, w, taken)
		read <- s
		w.CloseWithError(err)
	}()
	object, err := content.Put(ctx, c.sink, memoryObject, r)
	_ = r.Close() // ends the reader; a pipe in memory
	if err != nil {
		c.stream.close()
	}
	c.meta.State = <-read
	if err != nil {
		return err
	}
	c.part.Objects = append(c.part.Objects, object)
	c.part.Read = object.Size
	return nil
}

// findGaps says what neither files nor memory bring back.
func (c *capture) findGaps() {
	if n := c.meta.info["number_of_cached_scripts"]; n != "" && n != "0" {
		c.gap(n+" scripts loaded for EVALSHA", "a server does not list them; clients load them again when told NOSCRIPT")
	}
	if c.meta.Master != "" {
		c.gap("loading of keys", "it is a replica of "+c.meta.Master+", and gets its keys from there")
	}
	if c.meta.info["cluster_enabled"] == "1" {
		c.gap("place in the cluster", "which slots it serves is in its nodes.conf, which comes back with its files only")
	}
	if c.meta.State != nil && c.meta.State.ModuleState {
		c.gap("what modules keep beside keys", "only a server's own start can load it")
	}
	if c.meta.Running && c.meta.Settings == nil {
		c.gap("settings", "the user that was found may not see them")
	}
	if c.meta.Running && c.meta.Users == nil {
		c.gap("users", "the user that was found may not see them")
	}
}

// Close lets go of the server, also if it is frozen.
func (c *capture) Close() error {
	c.hangUp()
	return nil
}

func (c *capture) hangUp() {
	c.stream.close()
	c.client.hangUp()
	c.client = nil
}

func (c *capture) gap(what, why string) {
	c.part.Gaps = append(c.part.Gaps, kind.Gap{Part: c.item.ID, What: what, Why: why})
}

// silent is the capture of an item whose server cannot be asked.
type silent struct {
	item kind.Item
	sink kind.Sink
	why  error
}

func (s *silent) Take(context.Context) error { return nil }

func (s *silent) Finish(ctx context.Context) (kind.Part, error) {
	object, err := content.PutJSON(ctx, s.sink, metaObject, meta{})
	if err != nil {
		return kind.Part{}, err
	}
	instead := "its files are in no captured tree"
	if len(s.item.Claims) > 0 {
		instead = "physical copy only: what was in memory and in no file is not captured"
	}
	return kind.Part{
		ID: s.item.ID, Objects: []kind.Object{object}, Facts: kind.Stream(nil),
		Gaps: []kind.Gap{{Part: s.item.ID, What: "facts and dump", Why: s.why.Error() + "; " + instead}},
	}, nil
}

func (s *silent) Close() error { return nil }
