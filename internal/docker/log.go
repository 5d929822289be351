package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// maxLogs bounds what LastLines reads of a log.
const maxLogs = 64 << 10

// Log returns the last lines that a container has printed, each with its time.
func (e *Engine) Log(ctx context.Context, c *Container, lines int) ([]byte, error) {
	text, err := e.readLog(ctx, c, container.LogsOptions{Timestamps: true, Tail: strconv.Itoa(lines)}, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	return text, nil
}

// LastLines returns the last n lines that a container has written.
func (e *Engine) LastLines(ctx context.Context, c *Container, n int) ([]string, error) {
	text, err := e.readLog(ctx, c, container.LogsOptions{Tail: strconv.Itoa(n)}, maxLogs)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' })
	return lines[max(0, len(lines)-n):], nil
}

// readLog returns what it has read also with an error. That it was cut off at
// the limit is io.ErrUnexpectedEOF, if it shows.
func (e *Engine) readLog(ctx context.Context, c *Container, options container.LogsOptions, limit int64) (_ []byte, err error) {
	options.ShowStdout, options.ShowStderr = true, true
	stream, err := e.api.ContainerLogs(ctx, c.ID, options)
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", c.Name, gone(err))
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	var text bytes.Buffer
	limited := io.LimitReader(stream, limit)
	if c.Config.Bool("Tty") { // there is one stream, as it came
		_, err = io.Copy(&text, limited)
	} else {
		_, err = stdcopy.StdCopy(&text, &text, limited)
	}
	if err != nil {
		return text.Bytes(), fmt.Errorf("read the log of %s: %w", c.Name, err)
	}
	return text.Bytes(), nil
}
