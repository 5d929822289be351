package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestPodman uses Podman's Docker-compatible socket as the engine: a container
// with a volume is corrected in place, and made again together with its image.
// Podman has its own name for the storage driver, its own columns for a list of
// processes, and its own words for limits. One thing it does behind the back of
// a restore: when a volume is mounted for the first time, its root gets owner,
// mode and time of the image's directory. The receipt names that, and a second
// restore puts it right.
func TestPodman(t *testing.T) {
	t.Setenv("DOCKER_HOST", testbed.Podman(t))
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("kept"), 0o600))
	r := rigOn(t, &testbed.Shop{Dir: dir, Project: "small"})
	const name, image = "dogear-podman", "localhost/dogear-test/busybox:latest"
	testbed.Docker(t, "run", "--detach", "--name", name, "--network=none", "--volume=things:/v", "--env=A=1", "--hostname=h", "--restart=always",
		"--label=com.docker.compose.project=small", "--label=com.docker.compose.project.working_dir="+dir,
		image, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
	testbed.Exec(t, name, "sh", "-c", "echo v > /v/f; echo l > /layer; rm /bin/vi")
	require.Contains(t, r.dogear(done, "doctor"), "Podman")
	saved := r.json(done, "save")
	require.NotEqual(t, "live", saved.Snapshot.Consistency)
	require.Equal(t, "running", testbed.Inspect(t, name, ".State.Status"))
	id := testbed.Inspect(t, name, ".Id")

	testbed.Exec(t, name, "sh", "-c", "echo other > /v/f; rm /layer")
	require.Len(t, r.json(differences, "verify", saved.Snapshot.ID).Differences, 2)
	r.json(done, "restore", saved.Snapshot.ID).identical(t)
	require.Equal(t, id, testbed.Inspect(t, name, ".Id"))

	testbed.Docker(t, "rm", "--force", name)
	testbed.Docker(t, "volume", "rm", "things")
	testbed.Docker(t, "image", "rm", image)
	again := r.json(done, "restore", saved.Snapshot.ID).Receipt
	require.Len(t, again.Differences, 1, "%+v", again.Differences)
	require.Equal(t, "volume/things /", again.Differences[0].Part+" "+again.Differences[0].Fact)
	r.json(done, "restore", saved.Snapshot.ID).identical(t)
	require.Equal(t, "v l", testbed.Exec(t, name, "sh", "-c", "echo $(cat /v/f /layer)"))
	require.Equal(t, saved.Snapshot.State, r.json(done, "save").Snapshot.State)
}
