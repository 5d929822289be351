package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/docker/docker/api/types/container"

	"dogear/kind"
)

// Container describes a container given by name or id. It returns
// kind.ErrGone if there is none.
func (e *Engine) Container(ctx context.Context, ref string) (*Container, error) {
	_, raw, err := e.api.ContainerInspectWithRaw(ctx, ref, false)
	if err != nil {
		return nil, gone(err)
	}
	return ParseContainer(raw)
}

// Creation is all that a container is created from.
type Creation struct {
	Name       string
	Config     Fields
	HostConfig Fields
	// Network and Endpoint are the one network that it can be given now.
	Network  string
	Endpoint Endpoint
}

// Create creates a container and returns its id. The fields go to the engine
// verbatim: the client library would drop those that it does not know.
func (e *Engine) Create(ctx context.Context, c Creation) (string, error) {
	if e.podman {
		var err error
		if c.HostConfig, err = forPodman(c.HostConfig); err != nil {
			return "", err
		}
	}
	body, err := c.body()
	if err != nil {
		return "", err
	}
	var created struct{ ID string }
	err = uncut(ctx, func(ctx context.Context) error {
		return e.post(ctx, "/containers/create?name="+url.QueryEscape(c.Name), body, &created)
	})
	return created.ID, err
}

// uncut makes a request that changes what there is. The engine carries it out
// once it has it, also if whoever asked goes away: then he would look before it
// is done, and take back what he finds, but not this. So he waits, however soon
// he wants to end; a vigil is kept over an engine that does not answer.
func uncut(ctx context.Context, request func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return request(context.WithoutCancel(ctx))
}

func (c Creation) body() ([]byte, error) {
	fields, err := c.Config.With("HostConfig", c.HostConfig)
	if err != nil {
		return nil, err
	}
	if c.Network != "" {
		endpoints := map[string]endpointRequest{c.Network: c.Endpoint.request()}
		if fields, err = fields.With("NetworkingConfig", map[string]any{"EndpointsConfig": endpoints}); err != nil {
			return nil, err
		}
	}
	return json.Marshal(fields)
}

func (e *Engine) post(ctx context.Context, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url(path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := e.api.HTTPClient().Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // read only
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the engine refused: %s", message(answer))
	}
	return json.Unmarshal(answer, into)
}

// url returns the address of an API call. The client's transport dials the
// socket whatever host is named.
func (e *Engine) url(path string) string {
	base := "http://docker"
	if at, ok := strings.CutPrefix(e.host, "tcp://"); ok {
		base = "http://" + at
	}
	return base + "/v" + e.api.ClientVersion() + path
}

func message(answer []byte) string {
	var m struct{ Message string }
	if json.Unmarshal(answer, &m) == nil && m.Message != "" {
		return m.Message
	}
	return strings.TrimSpace(string(answer))
}

// Start starts a container.
func (e *Engine) Start(ctx context.Context, ref string) error {
	return uncut(ctx, func(ctx context.Context) error { return e.api.ContainerStart(ctx, ref, container.StartOptions{}) })
}

// Stop stops a container with its own stop signal, and kills it if it still
// runs after so many seconds. Where the engine removes it on exit, Stop
// returns when that is done: its anonymous volumes go last.
func (e *Engine) Stop(ctx context.Context, c *Container, seconds int) error {
	var removed <-chan container.WaitResponse
	var failed <-chan error
	if c.Removes() {
		removed, failed = e.api.ContainerWait(ctx, c.ID, container.WaitConditionRemoved)
	}
	err := e.api.ContainerStop(ctx, c.ID, container.StopOptions{Timeout: &seconds})
	if err != nil || !c.Removes() {
		return gone(err)
	}
	select {
	case <-removed:
		return nil
	case err := <-failed:
		return gone(err)
	}
}

// ErrCannotFreeze says that the engine can freeze no container.
var ErrCannotFreeze = errors.New("this engine can freeze no container, as it has no control groups (Docker without root and without systemd): " +
	"dogear pause stops them instead")

// Pause freezes a container.
func (e *Engine) Pause(ctx context.Context, ref string) error {
	err := gone(e.api.ContainerPause(ctx, ref))
	if err != nil && e.hasNoControlGroups() && !errors.Is(err, kind.ErrGone) {
		return ErrCannotFreeze
	}
	return err
}

// Unpause thaws a container.
func (e *Engine) Unpause(ctx context.Context, ref string) error {
	return gone(e.api.ContainerUnpause(ctx, ref))
}

// RemoveContainer removes a container that is not running. Its volumes stay,
// the anonymous ones too.
func (e *Engine) RemoveContainer(ctx context.Context, ref string) error {
	return gone(uncut(ctx, func(ctx context.Context) error { return e.api.ContainerRemove(ctx, ref, container.RemoveOptions{}) }))
}

// UpdatesPolicies reports whether the engine can change the restart policy of a
// container that is there. Podman 4.3 cannot.
func (e *Engine) UpdatesPolicies() bool { return !e.podman }

// SetRestartPolicy changes when the engine starts a container by itself.
func (e *Engine) SetRestartPolicy(ctx context.Context, ref string, policy RestartPolicy) error {
	return uncut(ctx, func(ctx context.Context) error {
		_, err := e.api.ContainerUpdate(ctx, ref, container.UpdateConfig{RestartPolicy: container.RestartPolicy{
			Name: container.RestartPolicyMode(policy.Name), MaximumRetryCount: policy.MaximumRetryCount,
		}})
		return err
	})
}

// RestartPolicy says when the engine starts a container by itself.
type RestartPolicy struct {
	Name              string
	MaximumRetryCount int
}

// RestartPolicy returns the container's restart policy; "no" and none are
// the same.
func (c *Container) RestartPolicy() RestartPolicy {
	var p RestartPolicy
	c.HostConfig.Decode("RestartPolicy", &p)
	if p.Name == "" {
		p.Name = "no"
	}
	return p
}
