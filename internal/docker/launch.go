package docker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/pkg/stdcopy"

	"dogear/internal/courier"
)

// Where a courier mounts the directory of packs that are being written, and of
// those that are finished.
const (
	incomingPlace = "/incoming"
	packsPlace    = "/packs"
)

// launch starts a courier that sees one thing.
func (e *Engine) launch(ctx context.Context, sees mount.Mount) (*courierContainer, error) {
	c, err := e.launchOnce(ctx, sees)
	if errdefs.IsNotFound(err) {
		c, err = e.launchOnce(ctx, sees) // another Dogear has removed the image that was theirs too
	}
	return c, err
}

// launchOnce sees to the image and starts a courier from it: one that leaves
// what it reads in the store's directory and takes from there what it writes, or
// where it cannot reach that one that sends and is sent it.
func (e *Engine) launchOnce(ctx context.Context, sees mount.Mount) (*courierContainer, error) {
	image, err := e.courierImage(ctx)
	if err != nil {
		return nil, err
	}
	c := e.startAtStore(ctx, image, sees)
	if c == nil {
		c, err = e.startCourier(ctx, image, true, sees)
	}
	if err != nil {
		return nil, errors.Join(err, e.dropCourierImage(context.WithoutCancel(ctx), image))
	}
	return c, nil
}

// startAtStore starts a courier that reaches the store, or returns nil. What is
// wrong, if it is anything else, is wrong again without the store.
func (e *Engine) startAtStore(ctx context.Context, image string, sees mount.Mount) *courierContainer {
	if e.options.Incoming == "" || e.storeApart.Load() {
		return nil
	}
	mounts := []mount.Mount{sees, {Type: mount.TypeBind, Source: e.options.Incoming, Target: incomingPlace}}
	if e.options.Packs != "" {
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: e.options.Packs, Target: packsPlace, ReadOnly: true})
	}
	c, err := e.startCourier(ctx, image, false, mounts...)
	if err != nil {
		e.storeApart.Store(errdefs.IsInvalidArgument(err)) // there is no such directory
		return nil
	}
	// It may be another directory of that name, or one that not even root may use.
	if c.client.UseDeposit(ctx, e.options.Incoming, incomingPlace) == nil {
		if e.options.Packs != "" {
			c.client.UsePacks(e.options.Packs, packsPlace)
		}
		return c
	}
	e.storeApart.Store(ctx.Err() == nil)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	_ = c.leave(ending) // its container removes itself; the next start sees to that
	return nil
}

// startCourier creates, attaches to and starts a courier. Compressed, what it
// says and is told takes less of a connection that has to carry all of it.
func (e *Engine) startCourier(ctx context.Context, image string, compressed bool, sees ...mount.Mount) (*courierContainer, error) {
	config, host := courierConfig(image, compressed, sees)
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
	if err := c.talk(compressed); err != nil {
		c.stream.Close()
		return nil, errors.Join(err, e.discard(c.id))
	}
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

func courierConfig(image string, compressed bool, sees []mount.Mount) (*container.Config, *container.HostConfig) {
	command := []string{"courier"}
	if compressed {
		command = append(command, "--"+courier.CompressedFlag)
	}
	config := &container.Config{
		Image: image, Entrypoint: []string{courierProgram}, Cmd: command, User: "0:0",
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
func (c *courierContainer) talk(compressed bool) error {
	in, out := io.Pipe()
	c.endInput = func() error { return nil }
	var from io.Reader = in
	var to io.Writer = c.stream.Conn
	if compressed {
		streams, err := courier.NewCompressed(in, c.stream.Conn)
		if err != nil {
			return err
		}
		from, to, c.endInput = streams, streams, streams.CloseWrite
	}
	go func() {
		_, err := stdcopy.StdCopy(out, c.stderr, c.stream.Reader)
		_ = out.CloseWithError(err) // never fails; nil is the end of the stream
	}()
	c.client = courier.NewClient(from, to)
	return nil
}
