package redis

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"dogear/internal/docker"
)

// markSize is the length of the mark that ends a stream of unknown length.
const markSize = 40

// replica is a connection on which a server sends its memory, as it was when
// it forked.
type replica struct {
	conn net.Conn
	r    *bufio.Reader
	mark []byte
	held []byte // what may be the beginning of the mark
	done bool
}

// errEarlier is a stream of a fork that was made before we asked.
var errEarlier = errors.New("the server is sending its memory to a replica, and answers with the same file")

// replicate asks for the memory as it is now. It returns when the server has
// forked.
func (c *client) replicate(ctx context.Context) (*replica, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect as a replica: %w", err)
	}
	r := &replica{conn: conn, r: bufio.NewReaderSize(conn, 1<<16)}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends the reading
	defer stop()
	if err := r.handshake(c.login); err != nil {
		_ = conn.Close() // err says more
		return nil, errors.Join(err, ctx.Err())
	}
	return r, nil
}

func (r *replica) handshake(l login) error {
	if l.password != "" {
		auth := []string{"AUTH", l.password}
		if l.user != "" {
			auth = []string{"AUTH", l.user, l.password}
		}
		if answer, err := r.ask(auth...); err != nil || answer != "+OK" {
			return errors.Join(err, errors.New("log in as a replica: "+answer))
		}
	}
	// Nothing but the RDB, and no file of it: what a server does not know of
	// this it refuses, and we can do without.
	for _, capability := range [][]string{{"rdb-only", "1"}, {"capa", "eof"}, {"capa", "psync2"}} {
		if _, err := r.ask("REPLCONF", capability[0], capability[1]); err != nil {
			return err
		}
	}
	answer, err := r.ask("PSYNC", "?", "-1")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(answer, "+FULLRESYNC") {
		return fmt.Errorf("ask for its memory: %s", strings.TrimPrefix(answer, "-"))
	}
	header, err := r.line()
	if err != nil {
		return err
	}
	mark, ok := strings.CutPrefix(header, "$EOF:")
	switch {
	case strings.HasPrefix(header, "-"):
		return fmt.Errorf("ask for its memory: %s", header[1:])
	case !ok || len(mark) != markSize:
		return errEarlier
	}
	r.mark = []byte(mark)
	return nil
}

// ask sends a command and returns the first line of the answer.
func (r *replica) ask(words ...string) (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := r.conn.Write(b.Bytes()); err != nil {
		return "", fmt.Errorf("speak as a replica: %w", err)
	}
	return r.line()
}

// line returns the next line. Empty ones keep the connection alive while the
// server prepares.
func (r *replica) line() (string, error) {
	for {
		line, err := r.r.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("listen as a replica: %w", err)
		}
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			return line, nil
		}
	}
}

// Read returns what the server sends, up to the mark. A connection that ends
// before the mark is cut off.
func (r *replica) Read(p []byte) (int, error) {
	for {
		if n := r.ready(); n > 0 {
			n = copy(p, r.held[:n])
			r.held = r.held[n:]
			return n, nil
		}
		if r.done {
			return 0, io.EOF
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
}

// ready returns how much of what is held cannot be the mark.
func (r *replica) ready() int {
	if r.done {
		return len(r.held)
	}
	return len(r.held) - markSize
}

func (r *replica) fill() error {
	piece := make([]byte, 1<<15)
	n, err := r.r.Read(piece)
	r.held = append(r.held, piece[:n]...)
	if rest, found := bytes.CutSuffix(r.held, r.mark); found {
		r.held, r.done = rest, true
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("the server stopped sending its memory: %w", err)
	}
	return nil
}

// close hangs up; nil has nothing to.
func (r *replica) close() {
	if r != nil {
		_ = r.conn.Close() // nothing was sent that counts
	}
}

// The settings that decide whether a server that is asked for its memory
// writes a file, and how long it waits for others to ask.
const (
	settingDiskless = "repl-diskless-sync"
	settingDelay    = "repl-diskless-sync-delay"
)

// undoTime bounds how long putting the settings back may take.
const undoTime = 10 * time.Second

// fork makes the server fork now, without writing a file, and returns the
// stream of what its memory holds.
func (c *client) fork(ctx context.Context, settings map[string]string) (stream *replica, err error) {
	undo, err := c.makeDiskless(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer func() {
		if undone := undo(context.WithoutCancel(ctx)); undone != nil {
			stream.close()
			stream, err = nil, errors.Join(err, undone)
		}
	}()
	err = docker.Poll(ctx, func() (bool, error) {
		stream, err = c.replicate(ctx)
		return !errors.Is(err, errEarlier), err
	})
	return stream, err
}

func (c *client) makeDiskless(ctx context.Context, settings map[string]string) (undo func(context.Context) error, err error) {
	wanted := map[string]string{settingDiskless: "yes", settingDelay: "0"}
	changed := make(map[string]string)
	undo = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, undoTime)
		defer cancel()
		for name, value := range changed {
			if err := c.ConfigSet(ctx, name, value).Err(); err != nil {
				return fmt.Errorf("put the setting %s back to %s: %w", name, value, err)
			}
		}
		return nil
	}
	for name, want := range wanted {
		have, known := settings[name]
		if !known {
			return nil, fmt.Errorf("it has no setting %s, without which it would write a file into its data", name)
		}
		if have == want {
			continue
		}
		if err := c.ConfigSet(ctx, name, want).Err(); err != nil {
			return nil, errors.Join(fmt.Errorf("set %s to %s for a moment: %w", name, want, err), undo(context.WithoutCancel(ctx)))
		}
		changed[name] = have
	}
	return undo, nil
}
