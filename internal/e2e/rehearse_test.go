package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

const rehearsalLabel = "label=dogear.rehearsal"

// rehearsed is what a test looks at of a rehearsal.
type rehearsed struct {
	Identical     bool
	Differences   []difference
	Unhealthy     []string
	Parts         []string
	NotComparable []struct{ Part, What, Why string } `json:"not_comparable"`
	Timings       struct {
		HealthyMS int64 `json:"healthy_ms"`
	}
}

// The whole stack is restored a second time, comes up where nothing leads out,
// is what was captured, and is gone again, while the workspace runs on. One
// that is killed is removed by the next command.
func TestRehearsal(t *testing.T) {
	r := newRig(t)
	saved := r.json(done, "save").Snapshot
	r.SQL("update customers set name = name || '!'") // what is live now is not what is rehearsed
	running, volumes, networks, images := r.running(), r.everything("volume"), r.everything("network"), r.everything("image")

	var res rehearsed
	out := r.dogear(done, "rehearse", saved.ID, "--json")
	require.NoError(t, json.Unmarshal([]byte(out), &res))
	require.True(t, res.Identical, "%+v", res.Differences)
	require.Empty(t, res.Unhealthy)
	require.Positive(t, res.Timings.HealthyMS)
	for _, kind := range []string{"container/", "volume/", "network/", "git/", "postgres/", "redis/"} {
		require.Contains(t, strings.Join(res.Parts, " "), kind)
	}
	r.noRehearsal()
	require.Equal(t, names(running), names(r.running()))
	require.Equal(t, volumes, r.everything("volume"))
	require.Equal(t, networks, r.everything("network"))
	require.Equal(t, images, r.everything("image"))

	cmd := r.command("rehearse", saved.ID)
	require.NoError(t, cmd.Start())
	testbed.Eventually(t, testbedLimit, "a network of it is there, and leads nowhere", func() bool {
		ids := testbed.Docker(t, "network", "ls", "--quiet", "--filter", rehearsalLabel)
		return ids != "" && testbed.Docker(t, "ps", "--all", "--quiet", "--filter", rehearsalLabel) != ""
	})
	for _, id := range strings.Fields(testbed.Docker(t, "network", "ls", "--quiet", "--filter", rehearsalLabel)) {
		require.Equal(t, "true", testbed.Docker(t, "network", "inspect", "--format", "{{.Internal}}", id))
	}
	for _, id := range strings.Fields(testbed.Docker(t, "ps", "--all", "--quiet", "--filter", rehearsalLabel)) {
		require.Empty(t, testbed.Docker(t, "port", id))
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	r.dogear(done, "list")
	r.noRehearsal()
	require.Equal(t, volumes, r.everything("volume"))
	r.nothingLeftBehind()
}

// noRehearsal requires that nothing of a rehearsal is left.
func (r *rig) noRehearsal() {
	r.t.Helper()
	require.Empty(r.t, testbed.Docker(r.t, "ps", "--all", "--quiet", "--filter", rehearsalLabel))
	require.Empty(r.t, testbed.Docker(r.t, "volume", "ls", "--quiet", "--filter", rehearsalLabel))
	require.Empty(r.t, testbed.Docker(r.t, "network", "ls", "--quiet", "--filter", rehearsalLabel))
	require.Empty(r.t, testbed.Docker(r.t, "image", "ls", "--quiet", "dogear-rehearsal-*/*"))
	entries, err := os.ReadDir(filepath.Join(r.store, "rehearsals"))
	require.NoError(r.t, err)
	require.Empty(r.t, entries)
}

// everything lists the volumes, networks or images that bear the name of the project.
func (r *rig) everything(what string) string {
	r.t.Helper()
	format := map[string]string{"volume": "{{.Name}}", "network": "{{.Name}}", "image": "{{.Repository}}:{{.Tag}}"}[what]
	var own []string
	for _, name := range strings.Fields(testbed.Docker(r.t, what, "ls", "--format", format)) {
		if strings.Contains(name, r.Project) {
			own = append(own, name)
		}
	}
	return strings.Join(own, " ")
}

// names drops the words that say how long something has been running.
func names(running string) string {
	var out []string
	for line := range strings.Lines(running) {
		out = append(out, strings.Fields(line)[0])
	}
	return strings.Join(out, " ")
}
