package container

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
)

// TestSteady: a container that its engine starts again and again runs at most
// moments, and is not settled for that, as it was when the second that it has
// to run was counted over all its runs.
func TestSteady(t *testing.T) {
	var s steady
	begun := time.Now()
	at := func(started, now time.Duration) bool {
		live := &description{Container: &docker.Container{}, State: Running}
		live.Container.State.StartedAt = begun.Add(started)
		return s.settled(live, begun.Add(now))
	}
	for run := time.Duration(0); run < 3*time.Second; run += 900 * time.Millisecond {
		require.False(t, at(run, run))
		require.False(t, at(run, run+850*time.Millisecond))
	}
	require.False(t, at(10*time.Second, 10*time.Second))
	require.True(t, at(10*time.Second, 12*time.Second))
	require.True(t, (&steady{}).settled(&description{Container: &docker.Container{}, State: Stopped}, begun))
}

// TestFailing (D14): what ends again and again is seen to do so also while it
// runs for a moment, as it was not when only waiting to be restarted counted.
func TestFailing(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		want  bool
		state docker.State
		count int
	}{
		"waits to be restarted":     {true, docker.State{Restarting: true, Running: true}, 3},
		"was restarted just now":    {true, docker.State{Running: true, StartedAt: now.Add(-time.Second / 2)}, 3},
		"was restarted and runs on": {false, docker.State{Running: true, StartedAt: now.Add(-time.Minute)}, 3},
		"was started just now":      {false, docker.State{Running: true, StartedAt: now}, 0},
		"was given up":              {false, docker.State{StartedAt: now}, 3},
	} {
		require.Equal(t, c.want, isFailing(&docker.Container{State: c.state, RestartCount: c.count}, now), name)
	}
}
