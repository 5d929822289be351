package e2e

import (
	"os"
	"path/filepath"
	"strings"
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
	users := []string{start("--volume="+uploads+":/srv", "--restart=always"), start("--volume=" + uploads + ":/mnt:ro")}
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

	// They are started again also if it is the volume alone that is restored, each
	// with the restart policy that it had; what stood still stays so (resumeOther).
	still := start("--volume="+uploads+":/srv", "--restart=always")
	testbed.Docker(t, "stop", still)
	testbed.Exec(t, users[0], "sh", "-c", "echo changed >/srv/file")
	planned := r.dogear(done, "restore", saved.Snapshot.ID, "--only", "volume/"+uploads, "--dry-run")
	require.NotContains(t, planned, still, "it is neither stopped nor started")
	require.Equal(t, 2, strings.Count(planned, "container/"+users[0]), "it is stopped, and started")
	restored = r.json(done, "restore", saved.Snapshot.ID, "--only", "volume/"+uploads)
	restored.identical(t)
	require.Positive(t, restored.Timings.OutageMS, "until they run again")
	require.Equal(t, "captured", testbed.Exec(t, users[1], "cat", "/mnt/file"))
	for name, want := range map[string]string{users[0]: "running always", users[1]: "running no", still: "exited always"} {
		require.Equal(t, want, testbed.Inspect(t, name, ".State.Status}} {{.HostConfig.RestartPolicy.Name"))
	}
	r.nothingLeftBehind()

	// A volume has no place but its own.
	to := filepath.Join(t.TempDir(), "copy")
	refused := r.json(usage, "restore", saved.Snapshot.ID, "--only", "volume/"+uploads, "--to", to)
	require.Contains(t, refused.Error.Message, "nothing of what was selected can be restored elsewhere")
	require.NoDirExists(t, to)
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
