package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"dogear/agent/api"
)

// maxRequest bounds a request's size in bytes: a configuration and a few
// names.
const maxRequest = 1 << 20

// server answers the clients of an agent.
type server struct {
	agent    *Agent
	listener *net.UnixListener
	http     *http.Server
	done     chan error

	mu    sync.Mutex
	conns int
	left  *sync.Cond // conns has become zero
}

type peerKey struct{}

func newServer(a *Agent, listener *net.UnixListener) *server {
	s := &server{agent: a, listener: listener, done: make(chan error, 1)}
	s.left = sync.NewCond(&s.mu)
	s.http = &http.Server{
		Handler:     guarded(a.routes()),
		ConnState:   s.count,
		ConnContext: withPeer,
	}
	go func() { s.done <- s.http.Serve(listener) }()
	return s
}

// count keeps account of the connections, so that the agent of a command can
// leave after its last client.
func (s *server) count(_ net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns++
	case http.StateClosed, http.StateHijacked:
		s.conns--
		s.left.Broadcast()
	}
}

func (s *server) waitForClients() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.conns > 0 {
		s.left.Wait()
	}
}

// close ends the server once its clients have left, or when ctx is done. A
// client that came while the listener was being closed is still served.
func (s *server) close(ctx context.Context) error {
	sentAway := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { sentAway <- s.sendAway() })
	s.waitForClients()
	err := errors.Join(
		unlessClosed(s.listener.Close()), unlessClosed(<-s.done),
		os.Remove(filepath.Join(s.agent.Dir, socketName)))
	s.waitForClients()
	if !stop() {
		err = errors.Join(err, <-sentAway)
	}
	return err
}

// sendAway ends all jobs and connections.
func (s *server) sendAway() error {
	s.agent.jobs.close()
	return unlessClosed(s.http.Shutdown(context.Background()))
}

func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if who, err := peerOf(conn); err == nil {
		return context.WithValue(ctx, peerKey{}, who)
	}
	return ctx
}

func peerFrom(ctx context.Context) (peer, bool) {
	who, ok := ctx.Value(peerKey{}).(peer)
	return who, ok
}

// guarded lets in whom the kernel names as the store's owner or root.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who, ok := peerFrom(r.Context()); !ok || !who.allowed() {
			http.Error(w, "this agent belongs to another user", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handle makes an endpoint of an operation.
func handle[Request, Result any](a *Agent, name string, run func(context.Context, *job, Request) (Result, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req Request
		if err := readRequest(r, &req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out := &stream{w: w, flush: http.NewResponseController(w).Flush}
		who, _ := peerFrom(r.Context())
		ctx, started := a.jobs.start(r.Context(), name, who, out.progress)
		out.send(api.Frame{Job: started.ID})
		result, err := run(ctx, started, req)
		frame := outcomeFrame(ctx, result, err)
		a.jobs.end(started) // before the answer: who has it may start the next job
		out.send(frame)
	})
}

// readRequest reads all of the body: only then does the server notice when
// the client goes away.
func readRequest(r *http.Request, into any) error {
	content, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	return nil
}

// stream writes frames. That a client has gone away is learnt from the
// request's context, not from here.
type stream struct {
	mu    sync.Mutex
	w     io.Writer
	flush func() error
}

func (s *stream) send(f api.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line, err := json.Marshal(f)
	if err != nil {
		line = fmt.Appendf(nil, `{"error":{"code":%q,"message":%q}}`, api.CodeFailed, err.Error())
	}
	if _, err := s.w.Write(append(line, '\n')); err == nil {
		_ = s.flush()
	}
}

func (s *stream) progress(p api.Progress) { s.send(api.Frame{Progress: &p}) }

// outcomeFrame is the last frame of a stream.
func outcomeFrame(ctx context.Context, result any, err error) api.Frame {
	if err != nil {
		return api.Frame{Error: describe(ctx, err)}
	}
	content, err := json.Marshal(result)
	if err != nil {
		return api.Frame{Error: api.AsError(fmt.Errorf("write result: %w", err))}
	}
	return api.Frame{Result: content}
}
