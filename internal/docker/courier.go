package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"dogear/internal/courier"
	"dogear/internal/tree"
	"dogear/kind"
)

// leaveTime is how long a courier may take to end.
const leaveTime = 10 * time.Second

// capabilities are what it takes to read and write any file with all its
// attributes. SYS_ADMIN is for those that the kernel calls trusted: overlayfs
// keeps what was deleted and replaced in them.
var capabilities = []string{
	"DAC_OVERRIDE", "CHOWN", "FOWNER", "FSETID", "SETFCAP", "MKNOD", "LEASE", "SYS_ADMIN",
}

// courierContainer is a running courier.
type courierContainer struct {
	engine *Engine
	image  string
	id     string
	stream types.HijackedResponse
	client *courier.Client
	stderr *tail
	// endInput ends what the courier is told, before the stream ends.
	endInput func() error
}

// courierTree gives access to a directory in a data directory through the
// courier.
func (e *Engine) courierTree(ctx context.Context, root, path string) (tree.Tree, error) {
	if err := e.requireReach(root, path); err != nil {
		return nil, err
	}
	client, err := e.warmCourier(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("start the courier: %w", err)
	}
	return client.Tree(path), nil
}

// warmCourier starts a courier that sees a data directory, or returns the one
// that is there.
func (e *Engine) warmCourier(ctx context.Context, root string) (*courier.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	warm := e.couriers[root]
	if warm != nil && !warm.client.Ended() {
		return warm.client, nil
	}
	if warm != nil {
		lost := warm
		delete(e.couriers, root)
		if err := lost.remove(); err != nil {
			return nil, fmt.Errorf("clear away the last one: %w", err)
		}
	}
	if err := e.reapCouriers(ctx); err != nil {
		return nil, err
	}
	c, err := e.launch(ctx, dataRootMount(root))
	if err != nil {
		return nil, err
	}
	e.couriers[root] = c
	return c.client, nil
}

// remove ends the courier and waits until its container is gone: what was
// asked of it is over then, also if this process is about to end.
func (c *courierContainer) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	return errors.Join(c.leave(ctx), c.engine.dropCourierImage(ctx, c.image))
}

// leave is remove, but for the image.
func (c *courierContainer) leave(ctx context.Context) error {
	_ = c.endInput() // if the courier is gone there is none to be told
	err := c.stream.CloseWrite()
	if waited := c.client.Wait(ctx); waited != nil {
		err = errors.Join(err, waited)
	}
	c.stream.Close()
	return errors.Join(err, c.engine.discard(c.id))
}

// discard removes one of our own containers and waits until it is gone.
func (e *Engine) discard(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	for {
		_, err := e.Container(ctx, id)
		if errors.Is(err, kind.ErrGone) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("remove the courier's container: %w", err)
		}
		// Refused while the engine removes it by itself.
		_ = e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true})
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("remove the courier's container %s: %w", id, err)
		}
	}
}

// tail keeps the beginning of what a courier complains about.
type tail struct{ buffer bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	if room := 4096 - t.buffer.Len(); room > 0 {
		t.buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *tail) err() error {
	if t.buffer.Len() == 0 {
		return nil
	}
	return errors.New(string(bytes.TrimSpace(t.buffer.Bytes())))
}
