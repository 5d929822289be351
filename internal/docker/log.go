package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Log returns the last lines that a container has printed, each with its time.
func (e *Engine) Log(ctx context.Context, c *Container, lines int) (_ []byte, err error) {
	stream, err := e.api.ContainerLogs(ctx, c.ID, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: strconv.Itoa(lines),
	})
	if err != nil {
		return nil, gone(err)
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	var text bytes.Buffer
	if c.Config.Bool("Tty") { // there is one stream, as it came
		_, err = io.Copy(&text, stream)
	} else {
		_, err = stdcopy.StdCopy(&text, &text, stream)
	}
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return text.Bytes(), nil
}
