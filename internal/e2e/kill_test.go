package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// A restore that is killed ends in exactly the one or exactly the other state.
func TestKilledResumeOfAStack(t *testing.T) {
	r := newRig(t)
	saved := r.json(done, "save").Snapshot
	r.Wreck()
	wrecked := r.json(done, "save").Snapshot
	for _, delay := range []time.Duration{0, 700 * time.Millisecond, 4 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			r.killResume(saved.ID, delay)
			r.dogear(done, "recover")
			if r.command("verify", saved.ID).Run() != nil {
				r.dogear(done, "verify", wrecked.ID)
			}
			r.nothingLeftBehind()
			r.json(done, "restore", wrecked.ID).identical(t)
		})
	}
	r.json(done, "restore", saved.ID).identical(t)
}

// killResume starts a resume and kills it some time after it has begun to
// touch things.
func (r *rig) killResume(snapshot string, delay time.Duration) {
	r.t.Helper()
	cmd := r.command("resume", "--exact", snapshot)
	require.NoError(r.t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, or done before that
	}()
	testbed.Eventually(r.t, testbedLimit, "the restore is on its way", func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		journals, err := filepath.Glob(filepath.Join(r.store, "journal", "*restore*"))
		require.NoError(r.t, err)
		return len(journals) > 0
	})
	select {
	case <-ended:
	case <-time.After(delay):
		require.NoError(r.t, cmd.Process.Signal(os.Kill))
		<-ended
	}
}
