package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"dogear/agent/api"
	"dogear/store"
)

// connectTimeout bounds the wait for an agent that is starting or leaving.
const connectTimeout = 10 * time.Second

// connectInterval is how often that is tried.
const connectInterval = 30 * time.Millisecond

// Connector gives a command its agent: the one that runs, or else one that it
// starts in this process and that leaves after its last client.
type Connector struct {
	options Options

	mu     sync.Mutex
	own    *Agent
	closed bool
}

// NewConnector returns a connector to the agent of the store in options.
func NewConnector(options Options) *Connector { return &Connector{options: options} }

// Dial opens a connection to the agent, and starts one if there is none. Of
// commands that start at once one becomes the owner of the store, and the
// others find its socket.
func (c *Connector) Dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for {
		conn, err := Reach(ctx, c.options.Dir)
		if err == nil {
			return conn, nil
		}
		var denied *api.Error
		if errors.As(err, &denied) {
			return nil, denied
		}
		if err := c.start(ctx); err != nil {
			return nil, err
		}
	}
}

// start starts the agent in this process. If another process owns the store,
// it waits for a moment instead, so that Dial can try again.
func (c *Connector) start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed // a dial may outlive the call that wanted it
	}
	own, err := Open(c.options)
	if errors.Is(err, store.ErrLocked) {
		return c.wait(ctx, err)
	}
	if err != nil {
		return err
	}
	c.own = own
	return own.Serve()
}

// wait returns nil when it is time to try again.
func (c *Connector) wait(ctx context.Context, locked error) error {
	select {
	case <-time.After(connectInterval):
		return nil
	case <-ctx.Done():
		return StoreInUse(
			fmt.Errorf("%s: %w, and does not answer on its socket", c.options.Dir, locked),
			"wait for that process to end, or see what it is doing")
	}
}

// Close ends the agent if it runs in this process, once its other clients
// have left. When ctx is done their jobs are cancelled.
func (c *Connector) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.own == nil {
		return nil
	}
	own := c.own
	c.own = nil
	return own.Close(ctx)
}

// Reach connects to the agent of the store in dir, if there is one, and makes
// sure that it is alive and ours: a connection may still wait in the queue of
// a socket that is being closed.
func Reach(ctx context.Context, dir string) (net.Conn, error) {
	conn, err := dial(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := greet(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// greet exchanges one request and its answer.
func greet(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/v1/hello", nil)
	if err != nil {
		return fmt.Errorf("greet agent: %w", err)
	}
	if err := req.Write(conn); err != nil {
		return fmt.Errorf("greet agent: %w", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return fmt.Errorf("greet agent: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusNoContent:
		return nil
	case http.StatusForbidden:
		return &api.Error{
			Code: api.CodeFailed, Message: "the agent of this store belongs to another user",
			State: "nothing has changed", Hint: "name a store of your own with --store",
		}
	}
	return fmt.Errorf("greet agent: %s", resp.Status)
}
