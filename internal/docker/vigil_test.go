package docker_test

import (
	"net/http"
	"path"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
)

// TestSilentEngine does not wait for ever for an engine that keeps its
// connections open and says nothing; one that is busy with a single question is waited for. Both
// fail without the vigil over connections, or with a limit for each request.
func TestSilentEngine(t *testing.T) {
	var silent atomic.Bool
	over := make(chan struct{})
	t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if silent.Load() {
			<-over
			return true
		}
		if path.Base(r.URL.Path) == "stop" {
			select {
			case <-over:
			case <-time.After(2 * time.Second): // longer than the patience with one that is silent
			}
		}
		return false
	}))
	engine, err := docker.Connect(t.Context(), docker.Options{Patience: time.Second})
	require.NoError(t, err)
	name := testbed.Container(t, "busybox", nil, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
	t.Cleanup(func() { // before the container is removed
		silent.Store(false)
		close(over)
	})
	c, err := engine.Container(t.Context(), name)
	require.NoError(t, err)
	require.NoError(t, engine.Stop(t.Context(), c, 10))

	silent.Store(true)
	_, err = engine.Container(t.Context(), name)
	require.ErrorContains(t, err, "has not answered anything for 1s")
	require.NoError(t, engine.Close())
}
