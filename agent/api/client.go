package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"

	"dogear/snapshot"
)

// Client calls an agent.
type Client struct {
	http     *http.Client
	progress func(Progress)
}

// Dialer opens a connection to an agent.
type Dialer func(ctx context.Context) (net.Conn, error)

// NewClient returns a client that reaches its agent through dial, and hands
// on what jobs say about their progress.
func NewClient(dial Dialer, progress func(Progress)) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	return &Client{http: &http.Client{Transport: transport}, progress: progress}
}

// Close closes the client's connections. An agent that only runs for its
// clients leaves after the last one.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Save captures the workspace, which keeps running.
func (c *Client) Save(ctx context.Context, req CaptureRequest) (CaptureResult, error) {
	return call[CaptureResult](ctx, c, "save", req)
}

// Pause captures the workspace and leaves it stopped.
func (c *Client) Pause(ctx context.Context, req CaptureRequest) (CaptureResult, error) {
	return call[CaptureResult](ctx, c, "pause", req)
}

// Resume brings a paused workspace back.
func (c *Client) Resume(ctx context.Context, req RestoreRequest) (RestoreResult, error) {
	return call[RestoreResult](ctx, c, "resume", req)
}

// Restore makes the workspace exactly what a snapshot says.
func (c *Client) Restore(ctx context.Context, req RestoreRequest) (RestoreResult, error) {
	return call[RestoreResult](ctx, c, "restore", req)
}

// Undo takes back the last pause, resume, restore or undo.
func (c *Client) Undo(ctx context.Context, req UndoRequest) (RestoreResult, error) {
	return call[RestoreResult](ctx, c, "undo", req)
}

// Import takes a dump of another program as a snapshot of one part.
func (c *Client) Import(ctx context.Context, req ImportRequest) (CaptureResult, error) {
	return call[CaptureResult](ctx, c, "import", req)
}

// Rehearse restores a copy where it can reach nothing, and removes it again.
func (c *Client) Rehearse(ctx context.Context, req RehearseRequest) (RehearseResult, error) {
	return call[RehearseResult](ctx, c, "rehearse", req)
}

// Recover finishes or rolls back what was interrupted.
func (c *Client) Recover(ctx context.Context, req RecoverRequest) (HealResult, error) {
	return call[HealResult](ctx, c, "recover", req)
}

// Compare compares the live state with a snapshot.
func (c *Client) Compare(ctx context.Context, req CompareRequest) (CompareResult, error) {
	return ask[CompareResult](ctx, c, "compare", req)
}

// Diff lists what changed between two snapshots, or since one.
func (c *Client) Diff(ctx context.Context, req DiffRequest) (DiffResult, error) {
	return ask[DiffResult](ctx, c, "diff", req)
}

// List returns the workspace's snapshots, newest first.
func (c *Client) List(ctx context.Context, req WorkspaceRequest) ([]SnapshotDetail, error) {
	return ask[[]SnapshotDetail](ctx, c, "list", req)
}

// Show returns one snapshot.
func (c *Client) Show(ctx context.Context, req SnapshotRequest) (SnapshotDetail, error) {
	return ask[SnapshotDetail](ctx, c, "show", req)
}

// Exhibit returns something to read that a snapshot holds.
func (c *Client) Exhibit(ctx context.Context, req ExhibitRequest) (Exhibit, error) {
	return ask[Exhibit](ctx, c, "exhibit", req)
}

// Receipt returns the proof of a restore.
func (c *Client) Receipt(ctx context.Context, req ReceiptRequest) (ReceiptResult, error) {
	return ask[ReceiptResult](ctx, c, "receipt", req)
}

// Log returns what was done to the workspace, newest first.
func (c *Client) Log(ctx context.Context, req WorkspaceRequest) ([]Event, error) {
	return ask[[]Event](ctx, c, "log", req)
}

// Find returns what there is in the workspace.
func (c *Client) Find(ctx context.Context, req WorkspaceRequest) (FindResult, error) {
	return ask[FindResult](ctx, c, "find", req)
}

// Doctor checks what the agent and its drivers need.
func (c *Client) Doctor(ctx context.Context, req WorkspaceRequest) ([]Check, error) {
	return ask[[]Check](ctx, c, "doctor", req)
}

// Remove deletes snapshots.
func (c *Client) Remove(ctx context.Context, req RemoveRequest) (RemoveResult, error) {
	return call[RemoveResult](ctx, c, "rm", req)
}

// Note changes what is said about a snapshot.
func (c *Client) Note(ctx context.Context, req NoteRequest) (SnapshotDetail, error) {
	return call[SnapshotDetail](ctx, c, "note", req)
}

// Prune applies retention and collects garbage.
func (c *Client) Prune(ctx context.Context, req PruneRequest) (PruneResult, error) {
	return call[PruneResult](ctx, c, "prune", req)
}

// Workspaces returns all workspaces that have snapshots.
func (c *Client) Workspaces(ctx context.Context) ([]snapshot.Workspace, error) {
	return ask[[]snapshot.Workspace](ctx, c, "workspaces", struct{}{})
}

// Check looks for damage in the store.
func (c *Client) Check(ctx context.Context, req CheckRequest) (CheckResult, error) {
	return ask[CheckResult](ctx, c, "check", req)
}

// Status describes the agent.
func (c *Client) Status(ctx context.Context) (AgentStatus, error) {
	return ask[AgentStatus](ctx, c, "agent", struct{}{})
}

// asks bounds how often a question is put again to the next agent.
const asks = 4

// ask is call for what changes nothing: if the agent dies before it has
// answered, the next one is asked.
func ask[R any](ctx context.Context, c *Client, name string, request any) (result R, err error) {
	for range asks {
		var lost *lostError
		result, err = call[R](ctx, c, name, request)
		if !errors.As(err, &lost) || ctx.Err() != nil {
			return result, err
		}
	}
	return result, err
}

// call runs one job to its end. When ctx is done the job is cancelled, and
// call still waits for what comes of it: whoever gives up half-way wants to
// know in which state things are.
func call[R any](ctx context.Context, c *Client, name string, request any) (R, error) {
	var result R
	body, err := c.post(ctx, name, request)
	if err != nil {
		return result, err
	}
	raw, err := c.follow(ctx, body)
	if err := body.Close(); err != nil {
		return result, fmt.Errorf("close answer: %w", err)
	}
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(raw, &result); err != nil {
		return result, fmt.Errorf("read result of %s: %w", name, err)
	}
	return result, nil
}

// post starts a call. Until the answer begins, ctx ends it: nothing waits for
// an agent that does not answer. From then on only the returned body does.
func (c *Client) post(ctx context.Context, name string, request any) (io.ReadCloser, error) {
	content, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	live, end := context.WithCancel(context.WithoutCancel(ctx))
	answered := context.AfterFunc(ctx, end)
	body, err := c.open(live, name, content)
	if !answered() {
		end()
		return nil, &Error{Code: CodeInterrupted, Message: "interrupted", State: "what was begun, if anything, is taken back"}
	}
	if err != nil {
		end()
		return nil, err
	}
	return &answer{ReadCloser: body, end: end}, nil
}

// answer is a body that ends its call when it is closed.
type answer struct {
	io.ReadCloser
	end context.CancelFunc
}

func (a *answer) Close() error {
	defer a.end()
	return a.ReadCloser.Close()
}

func (c *Client) open(ctx context.Context, name string, content []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://agent/v1/"+name, bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	resp, err := c.http.Do(req)
	var inRequest *url.Error // says what only this package has to know
	if errors.As(err, &inRequest) {
		err = inRequest.Err
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return nil, lost(err) // the agent may have got the request
	case err != nil:
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refused(resp)
	}
	return resp.Body, nil
}

// maxRefusal bounds what is read of an answer that is no stream.
const maxRefusal = 4096

func refused(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	return errors.Join(fmt.Errorf("the agent refuses: %s: %s", resp.Status, bytes.TrimSpace(text)), err, resp.Body.Close())
}

// follow reads a job's stream, and cancels the job when ctx is done.
func (c *Client) follow(ctx context.Context, body io.Reader) (json.RawMessage, error) {
	var cancelling sync.WaitGroup
	defer cancelling.Wait()
	done := make(chan struct{})
	defer close(done)
	return readStream(body, func(f Frame) {
		switch {
		case f.Job != "":
			cancelling.Go(func() { c.cancelWhenDone(ctx, f.Job, done) })
		case f.Progress != nil:
			c.progress(*f.Progress)
		}
	})
}

// cancelWhenDone cancels the job when ctx is done, unless it has ended.
func (c *Client) cancelWhenDone(ctx context.Context, job string, ended <-chan struct{}) {
	select {
	case <-ctx.Done():
		c.cancel(job)
	case <-ended:
	}
}

// cancel is best effort: if the agent cannot be told, the stream says so too.
func (c *Client) cancel(job string) {
	body, err := c.post(context.Background(), "cancel", CancelRequest{Job: job})
	if err != nil {
		return
	}
	_, _ = readStream(body, func(Frame) {})
	_ = body.Close()
}
