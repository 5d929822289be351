package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Command is a program to run in a container.
type Command struct {
	Argv   []string // no secrets here: they go to Env or Stdin
	Env    []string // KEY=value
	User   string
	Dir    string
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Exec runs a program in a running container and returns its exit code.
func (e *Engine) Exec(ctx context.Context, ref string, cmd Command) (int, error) {
	created, err := e.api.ContainerExecCreate(ctx, ref, container.ExecOptions{
		Cmd: cmd.Argv, Env: cmd.Env, User: cmd.User, WorkingDir: cmd.Dir,
		AttachStdin: cmd.Stdin != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, gone(err)
	}
	stream, err := e.api.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	// The stream does not know the context: closing it ends the copies below.
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()

	if cmd.Stdin != nil {
		go func() {
			_, _ = io.Copy(stream.Conn, cmd.Stdin) // the program may end without reading it all
			_ = stream.CloseWrite()
		}()
	}
	if _, err := stdcopy.StdCopy(writer(cmd.Stdout), writer(cmd.Stderr), stream.Reader); err != nil {
		return 0, errors.Join(ctx.Err(), fmt.Errorf("read the output of %s: %w", cmd.Argv[0], err))
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return e.exitCode(ctx, created.ID)
}

// exitCode asks until the engine has noticed the end that the stream showed.
func (e *Engine) exitCode(ctx context.Context, id string) (int, error) {
	for {
		state, err := e.api.ContainerExecInspect(ctx, id)
		if err != nil {
			return 0, err
		}
		if !state.Running {
			return state.ExitCode, nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func writer(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
