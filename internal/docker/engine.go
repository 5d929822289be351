package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"dogear/kind"
)

// ErrNoEngine says that no engine listens where one would be, ErrDenied that
// one does and that it is not for this user.
var (
	ErrNoEngine = errors.New("no Docker engine answers")
	ErrDenied   = errors.New("this user may not use the Docker engine")
)

// answerTime is how long an engine may take to say that it is there.
const answerTime = 10 * time.Second

// Engine is a connection to one engine. It is safe for concurrent use.
type Engine struct {
	api     *client.Client
	vigil   *vigil
	host    string
	info    system.Info
	podman  bool
	options Options
	// storeApart says that the store's directory is not the one of that name on
	// the engine's host.
	storeApart atomic.Bool

	mu       sync.Mutex                   // guards all below
	couriers map[string]*courierContainer // by the data directory that they see
	layers   layers
}

// Options say how an Engine reaches the trees in the engine's data directory.
type Options struct {
	// AlwaysCourier uses the courier also where this process could read the
	// data directory itself.
	AlwaysCourier bool
	// CourierBinary is the program that runs in the courier; "" means this
	// very program. It must be linked statically.
	CourierBinary string
	// Incoming is where the store creates its packs: the courier writes
	// there what it reads, where the engine can mount it. "": nowhere.
	Incoming string
	// Packs is where the store has its packs: the courier reads there what it
	// writes, where the engine can mount both. "": nowhere.
	Packs string
	// Patience is how long an engine may answer nothing at all before it is
	// given up; 0 means a minute.
	Patience time.Duration
}

// Connect connects to the engine that the user's own docker command would
// use. It returns ErrNoEngine if nothing listens there.
func Connect(ctx context.Context, options Options) (*Engine, error) {
	host, err := engineHost()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := knock(ctx, host); err != nil {
		return nil, err
	}
	vigil := newVigil(host, cmp.Or(options.Patience, patience))
	api, err := client.NewClientWithOpts(client.FromEnv, client.WithHost(host), client.WithDialContext(vigil.dial(dialer(host))))
	if err != nil {
		return nil, fmt.Errorf("set up the connection to %s: %w", host, err)
	}
	vigil.ask = func(ctx context.Context) error {
		_, err := api.Ping(ctx)
		return err
	}
	engine := &Engine{api: api, vigil: vigil, host: host, options: options, couriers: make(map[string]*courierContainer)}
	if err := engine.greet(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return engine, nil
}

// dialer connects to a host, whatever address it is asked for: that of a
// socket is none.
func dialer(host string) func(ctx context.Context, network, address string) (net.Conn, error) {
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
}

// knock tells an engine that is not there from one that does not let us in:
// the client library says the same for both.
func knock(ctx context.Context, host string) error {
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	switch {
	case err == nil:
		return conn.Close()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w at %s", ErrNoEngine, host)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w at %s", ErrDenied, host)
	}
	return fmt.Errorf("reach the Docker engine at %s: %w", host, err)
}

// greet agrees on an API version now, not at some later call, learns where the
// engine keeps its data, and clears away what was left behind there.
func (e *Engine) greet(ctx context.Context) error {
	ping, err := e.api.Ping(ctx)
	if client.IsErrConnectionFailed(err) {
		return fmt.Errorf("%w at %s", ErrNoEngine, e.host)
	}
	if err != nil {
		return fmt.Errorf("ask the Docker engine at %s for its version: %w", e.host, err)
	}
	e.api.NegotiateAPIVersionPing(ping)
	if e.info, err = e.api.Info(ctx); err != nil {
		return fmt.Errorf("ask the Docker engine at %s about itself: %w", e.host, err)
	}
	if e.podman, err = e.isPodman(ctx); err != nil {
		return fmt.Errorf("ask the Docker engine at %s what it is: %w", e.host, err)
	}
	// The courier of a process that was killed may still be writing.
	return e.reapCouriers(ctx)
}

// isPodman tells Podman's Docker-compatible socket from Docker's own.
func (e *Engine) isPodman(ctx context.Context) (bool, error) {
	version, err := e.api.ServerVersion(ctx)
	isPodman := func(c types.ComponentVersion) bool { return strings.HasPrefix(c.Name, "Podman") }
	return slices.ContainsFunc(version.Components, isPodman), err
}

// Name returns what the engine is.
func (e *Engine) Name() string {
	if e.podman {
		return "Podman"
	}
	return "Docker"
}

// Host returns where the engine listens, as a URL.
func (e *Engine) Host() string { return e.host }

// APIVersion returns the API version agreed with the engine.
func (e *Engine) APIVersion() string { return e.api.ClientVersion() }

// Version returns the engine's own version.
func (e *Engine) Version() string { return e.info.ServerVersion }

// StorageDriver returns how the engine keeps images and writable layers.
func (e *Engine) StorageDriver() string { return e.info.Driver }

// DataRoot returns the directory in which the engine keeps its data, on the
// engine's host.
func (e *Engine) DataRoot() string { return e.info.DockerRootDir }

// Local reports whether the engine seems to run on this host.
func (e *Engine) Local() bool { return strings.HasPrefix(e.host, "unix://") }

// IsSocket reports whether a path of the engine's host is the engine's socket:
// the one that this process uses, or one of the usual name.
func (e *Engine) IsSocket(name string) bool {
	return "unix://"+name == e.host || slices.Contains([]string{"docker.sock", "podman.sock"}, path.Base(name))
}

// Close ends the connection and removes what was put in the engine for it.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for root, courier := range e.couriers {
		errs = append(errs, courier.remove())
		delete(e.couriers, root)
	}
	errs = append(errs, e.api.Close())
	e.vigil.end()
	return errors.Join(errs...)
}

// gone turns the engine's "no such thing" into kind.ErrGone.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return kind.ErrGone
	}
	return err
}
