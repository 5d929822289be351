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
