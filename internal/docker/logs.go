package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// maxLogs bounds what is read of a log.
const maxLogs = 64 << 10

// LastLines returns the last n lines that a container has written.
func (e *Engine) LastLines(ctx context.Context, c *Container, n int) (_ []string, err error) {
	stream, err := e.api.ContainerLogs(ctx, c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(n)})
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", c.Name, gone(err))
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	var text bytes.Buffer
	limited := io.LimitReader(stream, maxLogs)
	if c.Config.Bool("Tty") {
		_, err = io.Copy(&text, limited)
	} else {
		_, err = stdcopy.StdCopy(&text, &text, limited)
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read the log of %s: %w", c.Name, err)
	}
	lines := strings.FieldsFunc(text.String(), func(r rune) bool { return r == '\n' || r == '\r' })
	return lines[max(0, len(lines)-n):], nil
}
