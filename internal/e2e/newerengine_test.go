package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestNewerEngine saves, corrects and makes again with Docker 26: a container
// that runs, one that has ended and one that never ran, with what they wrote.
// With the containerd image store such an engine says of none where its layer
// is: that is read from the list of mounts for the first, and from containerd's
// records for the others, by root and through the courier, also where the engine
// is on another host. Then content goes through the connection, and the output
// says so (D19).
func TestNewerEngine(t *testing.T) {
	for name, imageStore := range map[string]bool{"overlay2": false, "containerd": true} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DOCKER_HOST", testbed.NewerEngine(t, imageStore))
			t.Run("root", func(t *testing.T) { comesBack(t, modern(t)) })
			t.Run("user", func(t *testing.T) {
				r := modern(t)
				r.as = testbed.TestUser(t)
				testbed.Run(t, "chown", "-R", r.as.Username, r.Dir, filepath.Dir(r.store))
				comesBack(t, r)
			})
			if imageStore {
				t.Run("away", fromAway)
				t.Run("pinned", pinnedImage)
			}
		})
	}
}

// fromAway works from another host: what is there of the engine is read by a
// courier over there, containerd's records too.
func fromAway(t *testing.T) {
	r := modern(t)
	r.awayFrom(t, os.Getenv("DOCKER_HOST"))
	saved := comesBack(t, r)
	require.Positive(t, saved.Bytes.Streamed)
	require.Contains(t, r.dogear(done, "show", saved.Snapshot.ID), "through the connection to the engine")
	require.Contains(t, r.dogear(done, "receipt"), "through the connection to the engine")
}

// pinnedImage has a container that was made from a digest (D15). The digest
// comes from a registry and does not come back with the image; the image itself
// is the same. Compared as a setting, the container would be made anew by every
// restore, and never be identical.
func pinnedImage(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	r := rigOn(t, &testbed.Shop{Dir: dir, Project: "pinned"})
	reference := testbed.Docker(t, "image", "inspect", "--format", "{{index .RepoDigests 0}}", "dogear-test/busybox")
	testbed.Docker(t, "run", "--detach", "--name=pinned", "--network=none", "--label=com.docker.compose.project=pinned",
		"--label=com.docker.compose.project.working_dir="+dir, reference, "sleep", "1000")
	t.Cleanup(func() { testbed.Docker(t, "rm", "--force", "pinned") })
	saved := r.json(done, "save").Snapshot.ID
	testbed.Docker(t, "rm", "--force", "pinned")
	testbed.Docker(t, "image", "rm", "--force", "dogear-test/busybox")
	r.json(done, "restore", saved).identical(t)
	id := testbed.Inspect(t, "pinned", ".Id")
	r.json(done, "restore", saved).identical(t)
	require.Equal(t, id, testbed.Inspect(t, "pinned", ".Id"))
}

// modern is a workspace with the containers runs, ended and made.
func modern(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "modern-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	r := rigOn(t, &testbed.Shop{Dir: dir, Project: "modern"})
	testbed.Docker(t, "network", "create", "--subnet", "10.77.0.0/24", "net")
	common := []string{"--label=com.docker.compose.project=modern", "--label=com.docker.compose.project.working_dir=" + dir}
	run := func(options []string, command string) {
		testbed.Docker(t, append(append(append([]string{"create"}, common...), options...), "dogear-test/busybox", "sh", "-c", command)...)
	}
	run([]string{"--name=runs", "--network=net", "--ip=10.77.0.7", "--network-alias=it", "--publish=127.0.0.1::80", "--volume=things:/v", "--env=A=1",
		"--restart=always", "--health-cmd=true", "--health-interval=1s"}, "trap 'exit 0' TERM; while :; do sleep 0.1; done")
	run([]string{"--name=ended", "--network=none"}, "echo e > /layer; rm /bin/vi; exit 3")
	run([]string{"--name=made", "--network=none"}, "true")
	testbed.Docker(t, "start", "runs")
	testbed.Docker(t, "start", "--attach=false", "ended")
	testbed.Docker(t, "wait", "ended")
	testbed.RunInput(t, "m", "sh", "-c", "cat > "+dir+"/m && docker cp "+dir+"/m made:/layer")
	testbed.Exec(t, "runs", "sh", "-c", "echo v > /v/f; echo l > /layer; rm /bin/vi; chmod 4711 /bin/sh")
	t.Cleanup(func() {
		testbed.Docker(t, "rm", "--force", "runs", "ended", "made")
		testbed.Docker(t, "volume", "rm", "things")
		testbed.Docker(t, "network", "rm", "net")
	})
	return r
}

func comesBack(t *testing.T, r *rig) result {
	t.Helper()
	saved := r.json(done, "save")
	saved.exact(t)
	require.NotEqual(t, "live", saved.Snapshot.Consistency)
	id := testbed.Inspect(t, "runs", ".Id")
	image := testbed.Inspect(t, "runs", ".Image")
	r.dogear(done, "verify", saved.Snapshot.ID)

	testbed.Exec(t, "runs", "sh", "-c", "echo other > /v/f; rm /layer; touch /bin/vi")
	r.json(done, "restore", saved.Snapshot.ID).identical(t)
	require.Equal(t, id, testbed.Inspect(t, "runs", ".Id"), "it was corrected in place")
	require.Equal(t, "always", testbed.Inspect(t, "runs", ".HostConfig.RestartPolicy.Name"))

	testbed.Docker(t, "rm", "--force", "runs", "ended", "made")
	testbed.Docker(t, "volume", "rm", "things")
	testbed.Docker(t, "network", "rm", "net")
	testbed.Docker(t, "image", "rm", "dogear-test/busybox")
	r.json(done, "restore", saved.Snapshot.ID).identical(t)
	require.Equal(t, image, testbed.Inspect(t, "runs", ".Image"))
	require.Equal(t, "v l", testbed.Exec(t, "runs", "sh", "-c", "echo $(cat /v/f /layer)"))
	require.Equal(t, "created", testbed.Inspect(t, "made", ".State.Status"))
	require.Equal(t, saved.Snapshot.State, r.json(done, "save").Snapshot.State)
	return saved
}
