package docker

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// patience is how long an engine may answer nothing at all. It may well take
// longer over one question: a stop takes as long as the container does.
const patience = time.Minute

// vigil watches over the connections to an engine. One that hangs keeps its
// connections open and says nothing; whoever waits for it would wait for ever.
// So as long as somebody waits the engine is asked for a sign of life, and if
// none comes every connection is closed.
type vigil struct {
	ask      func(context.Context) error // for a sign of life
	patience time.Duration
	host     string

	stop   chan struct{} // closed when nobody watches any more
	asking sync.WaitGroup

	mu       sync.Mutex
	watched  map[*watchedConn]struct{} // guarded by mu
	watching bool                      // guarded by mu: somebody asks
}

func newVigil(host string, patience time.Duration) *vigil {
	return &vigil{host: host, patience: patience, stop: make(chan struct{}), watched: make(map[*watchedConn]struct{})}
}

// end returns when nobody asks any more.
func (v *vigil) end() {
	close(v.stop)
	v.asking.Wait()
}

// dial returns connections that are watched over.
func (v *vigil) dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		w := &watchedConn{Conn: conn, vigil: v}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.watched[w] = struct{}{}
		if !v.watching {
			v.watching = true
			v.asking.Go(v.watch)
		}
		return w, nil
	}
}

// watch ends when there is no connection left.
func (v *vigil) watch() {
	for v.hasAny() {
		select {
		case <-v.stop:
			return
		case <-time.After(v.patience / 4):
		}
		if v.isSilent() {
			v.giveUp()
		}
	}
}

// isSilent asks for a sign of life. An error is one too.
func (v *vigil) isSilent() bool {
	ctx, cancel := context.WithTimeout(context.Background(), v.patience*3/4)
	defer cancel()
	answered := make(chan struct{})
	go func() {
		_ = v.ask(ctx)
		close(answered)
	}()
	select {
	case <-answered:
	case <-v.stop:
		cancel()
		<-answered
		return false
	}
	return ctx.Err() != nil
}

func (v *vigil) hasAny() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.watching = len(v.watched) > 0
	return v.watching
}

// giveUp closes every connection.
func (v *vigil) giveUp() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for w := range v.watched {
		w.silent = true
		_ = w.Conn.Close() // whoever reads from it is told why
	}
}

// watchedConn is a connection that its vigil may close.
type watchedConn struct {
	net.Conn
	vigil  *vigil
	silent bool // guarded by vigil.mu: it was closed as nothing came
}

// Read implements net.Conn.
func (w *watchedConn) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil && w.wasSilent() {
		err = fmt.Errorf("the engine at %s has not answered anything for %s", w.vigil.host, w.vigil.patience)
	}
	return n, err
}

func (w *watchedConn) wasSilent() bool {
	w.vigil.mu.Lock()
	defer w.vigil.mu.Unlock()
	return w.silent
}

// CloseWrite ends what is sent, as those who stream to a container do.
func (w *watchedConn) CloseWrite() error {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (w *watchedConn) Close() error {
	w.vigil.mu.Lock()
	defer w.vigil.mu.Unlock()
	delete(w.vigil.watched, w)
	return w.Conn.Close()
}
