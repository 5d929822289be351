package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/pkg/stdcopy"

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
	"DAC_OVERRIDE", "DAC_READ_SEARCH", "CHOWN", "FOWNER", "FSETID", "SETFCAP", "MKNOD", "LEASE", "SYS_ADMIN",
}

// courierContainer is a running courier.
type courierContainer struct {
	engine *Engine
	image  string
	id     string
	stream types.HijackedResponse
	client *courier.Client
	stderr *tail
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

// launch starts a courier that sees one thing.
func (e *Engine) launch(ctx context.Context, sees mount.Mount) (*courierContainer, error) {
	c, err := e.launchOnce(ctx, sees)
	if errdefs.IsNotFound(err) {
		c, err = e.launchOnce(ctx, sees) // another Dogear has removed the image that was theirs too
	}
	return c, err
}

// Where a courier mounts the directory of packs that are being written, and of
// those that are finished.
const (
	incomingPlace = "/incoming"
	packsPlace    = "/packs"
)

// launchOnce sees to the image and starts a courier from it.
func (e *Engine) launchOnce(ctx context.Context, sees mount.Mount) (*courierContainer, error) {
	image, err := e.courierImage(ctx)
	if err != nil {
		return nil, err
	}
	c, err := e.startDepositing(ctx, image, sees)
	if err != nil {
		return nil, errors.Join(err, e.dropCourierImage(context.WithoutCancel(ctx), image))
	}
	return c, nil
}

// startDepositing starts a courier that leaves what it reads in the store's
// directory, and takes from there what it writes; or if that cannot be mounted
// one that sends and is sent it.
func (e *Engine) startDepositing(ctx context.Context, image string, sees mount.Mount) (*courierContainer, error) {
	if e.options.Incoming == "" || !e.Local() {
		return e.startCourier(ctx, image, sees)
	}
	mounts := []mount.Mount{sees, {Type: mount.TypeBind, Source: e.options.Incoming, Target: incomingPlace}}
	if e.options.Packs != "" {
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: e.options.Packs, Target: packsPlace, ReadOnly: true})
	}
	c, err := e.startCourier(ctx, image, mounts...)
	if err != nil {
		return e.startCourier(ctx, image, sees) // what was wrong, if anything else, is wrong again
	}
	// Where that is another directory, or one that not even root may use, content
	// is sent.
	if c.client.UseDeposit(ctx, e.options.Incoming, incomingPlace) == nil && e.options.Packs != "" {
		c.client.UsePacks(e.options.Packs, packsPlace)
	}
	return c, ctx.Err()
}

// startCourier creates, attaches to and starts a courier.
func (e *Engine) startCourier(ctx context.Context, image string, sees ...mount.Mount) (*courierContainer, error) {
	config, host := courierConfig(image, sees)
	created, err := e.api.ContainerCreate(ctx, config, host, nil, nil, "")
	if err != nil {
		return nil, fmt.Errorf("create its container: %w", err)
	}
	c := &courierContainer{engine: e, image: image, id: created.ID, stderr: &tail{}}
	// The stream outlives the call that needs the courier first.
	c.stream, err = e.api.ContainerAttach(context.WithoutCancel(ctx), c.id, container.AttachOptions{
		Stream: true, Stdin: true, Stdout: true, Stderr: true,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach to its container: %w", err), e.discard(c.id))
	}
	c.client = c.talk()
	if err := e.Start(ctx, c.id); err != nil {
		return nil, errors.Join(fmt.Errorf("start its container: %w", err), c.remove())
	}
	if err := c.client.Hello(ctx); err != nil {
		return nil, errors.Join(err, c.stderr.err(), c.remove())
	}
	return c, nil
}

// dataRootMount is all of a data directory that is on its mount.
func dataRootMount(root string) mount.Mount {
	return mount.Mount{
		Type: mount.TypeBind, Source: root, Target: root,
		BindOptions: &mount.BindOptions{NonRecursive: true}, // the engine insists on its own propagation here
	}
}

func courierConfig(image string, sees []mount.Mount) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image: image, Entrypoint: []string{courierProgram}, Cmd: []string{"courier"}, User: "0:0",
		Labels:    map[string]string{LabelCourier: "1", labelOwner: ownerMark()},
		OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
	}
	host := &container.HostConfig{
		AutoRemove: true, NetworkMode: "none", UsernsMode: "host",
		CapDrop: []string{"ALL"}, CapAdd: capabilities, SecurityOpt: []string{"label=disable", "no-new-privileges"},
		LogConfig: container.LogConfig{Type: "none"}, // what goes over stdout is the content of volumes
		Mounts:    sees,
	}
	return config, host
}

// talk takes the courier's output apart.
func (c *courierContainer) talk() *courier.Client {
	in, out := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(out, c.stderr, c.stream.Reader)
		_ = out.CloseWithError(err) // never fails; nil is the end of the stream
	}()
	return courier.NewClient(in, c.stream.Conn)
}

// remove ends the courier and waits until its container is gone: what was
// asked of it is over then, also if this process is about to end.
func (c *courierContainer) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	err := c.stream.CloseWrite()
	if waited := c.client.Wait(ctx); waited != nil {
		err = errors.Join(err, waited)
	}
	c.stream.Close()
	return errors.Join(err, c.engine.discard(c.id), c.engine.dropCourierImage(ctx, c.image))
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
