package docker_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
)

func TestHealthCheck(t *testing.T) {
	for config, want := range map[string]*docker.HealthCheck{
		`{}`:                                                 nil,
		`{"Healthcheck":{"Test":[]}}`:                        nil,
		`{"Healthcheck":{"Test":["NONE"]}}`:                  nil,
		`{"Healthcheck":{"Test":["CMD"]}}`:                   nil,
		`{"Healthcheck":{"Test":["NEW-WAY","x"]}}`:           nil,
		`{"Healthcheck":{"Test":["CMD","pg_isready","-q"]}}`: {Argv: []string{"pg_isready", "-q"}, Timeout: 30 * time.Second},
		`{"Shell":null,"Healthcheck":{"Test":["CMD-SHELL","curl x || exit 1"],"Timeout":2000000000}}`: {
			Argv: []string{"/bin/sh", "-c", "curl x || exit 1"}, Timeout: 2 * time.Second,
		},
		`{"Shell":["/bin/bash","-ec"],"Healthcheck":{"Test":["CMD-SHELL","true"]}}`: {
			Argv: []string{"/bin/bash", "-ec", "true"}, Timeout: 30 * time.Second,
		},
	} {
		var c docker.Container
		require.NoError(t, json.Unmarshal([]byte(config), &c.Config))
		require.Equal(t, want, c.HealthCheck(), config)
	}
}
