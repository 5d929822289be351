package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestOnlyWhatUsesAVolumeRestarts: of five containers of which nothing differs but
// one volume, those that mount it stop, and nobody else (affected).
func TestOnlyWhatUsesAVolumeRestarts(t *testing.T) {
	t.Parallel()
	r := rigOn(t, &testbed.Shop{Dir: t.TempDir()})
	require.NoError(t, os.WriteFile(r.Dir+"/notes", nil, 0o600))
	project := testbed.Name("five")
	uploads, pages := testbed.Volume(t), testbed.Volume(t)
	start := func(options ...string) string {
		options = append(options, "--network=none", "--label=com.docker.compose.project="+project,
			"--label=com.docker.compose.project.working_dir="+r.Dir)
		return testbed.Container(t, "busybox", options, "sh", "-c", "trap exit TERM; while :; do sleep 1 & wait; done")
	}
	users := []string{start("--volume=" + uploads + ":/srv"), start("--volume=" + uploads + ":/mnt:ro")}
	others := []string{start("--volume=" + pages + ":/srv"), start("--volume=" + pages + ":/mnt"), start()}
	testbed.Exec(t, users[0], "sh", "-c", "echo captured >/srv/file")
	saved := r.json(done, "save")

	testbed.Exec(t, users[0], "sh", "-c", "echo changed >/srv/file")
	before := starts(t, append(users, others...))
	restored := r.json(done, "restore", saved.Snapshot.ID)
	restored.identical(t)
	require.Equal(t, "captured", testbed.Exec(t, users[1], "cat", "/mnt/file"))
	after := starts(t, append(users, others...))
	for _, name := range users {
		require.NotEqual(t, before[name], after[name], "it uses the volume")
		delete(before, name)
		delete(after, name)
	}
	require.Equal(t, before, after, "they do not")
	require.Positive(t, restored.Timings.OutageMS)
}

// starts returns when each container was started last.
func starts(t *testing.T, containers []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range containers {
		all[name] = testbed.Inspect(t, name, ".State.StartedAt")
	}
	return all
}
