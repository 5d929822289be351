package docker_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
)

// What the engine was asked to change is waited for, also by who is to end: the
// engine does it all the same, after everybody has looked. Each fails without
// uncut.
func TestWhatChangesThingsIsNotCutOff(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	name, image := testbed.Name("uncut"), testbed.Image(t, "busybox")
	testbed.Docker(t, "create", "--name", name+"-other", testbed.LabelFlag(), "--network=none", image, "sleep", "0")
	t.Cleanup(func() { testbed.Docker(t, "rm", "--force", name+"-other") })
	t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost || r.Method == http.MethodDelete {
			asked <- struct{}{}
			<-goOn
		}
		return false
	}))
	engine := engineWith(t, docker.Options{})
	labels := testbed.Labels()
	config, err := docker.Fields{}.With("Image", image)
	require.NoError(t, err)
	config, err = config.With("Labels", labels)
	require.NoError(t, err)
	for _, c := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"create a volume", func(ctx context.Context) error {
			_, err := engine.CreateVolume(ctx, docker.Volume{Name: name, Labels: labels})
			return err
		}},
		{"remove it", func(ctx context.Context) error { return engine.RemoveVolume(ctx, name) }},
		{"create a network", func(ctx context.Context) error {
			return engine.CreateNetwork(ctx, docker.Network{Name: name, Driver: "bridge", Internal: true, Labels: labels}, nil)
		}},
		{"create a container", func(ctx context.Context) error {
			_, err := engine.Create(ctx, docker.Creation{Name: name, Config: config, HostConfig: docker.Fields{}})
			return err
		}},
		{"attach it", func(ctx context.Context) error { return engine.Connect(ctx, name, name, docker.Endpoint{}) }},
		{"detach it", func(ctx context.Context) error { return engine.Disconnect(ctx, name, name) }},
		{"set its policy", func(ctx context.Context) error {
			return engine.SetRestartPolicy(ctx, name, docker.RestartPolicy{Name: "always"})
		}},
		{"remove it", func(ctx context.Context) error { return engine.RemoveContainer(ctx, name) }},
		{"remove the network", func(ctx context.Context) error { return engine.RemoveNetwork(ctx, name) }},
		{"start another", func(ctx context.Context) error { return engine.Start(ctx, name+"-other") }},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.do(ctx) }()
		<-asked
		cancel()
		goOn <- struct{}{}
		require.NoError(t, <-done, c.what)
	}
}
