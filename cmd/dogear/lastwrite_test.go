package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// counter counts in a volume as fast as it can, says from where it goes on and,
// when it is stopped, how far it has come.
const counter = `n=$(cat /data/n 2>/dev/null || echo 0); echo "found $n"
trap 'echo "last $(cat /data/n)"; exit 0' TERM
while :; do n=$((n+1)); echo $n > /data/new; mv /data/new /data/n; done`

// A service writes until it is stopped for a restore. What it wrote last is in
// the safety snapshot: what is stopped is captured after it stopped.
func TestWhatWasWrittenLastIsInTheSafetySnapshot(t *testing.T) {
	testbed.Require(t, "docker", "root")
	engine := os.Getenv("DOCKER_HOST")
	d := newPlainDesk(t)
	t.Setenv("DOCKER_HOST", engine)
	container := testbed.Container(t, "busybox", []string{
		"--network=none", "--volume=" + testbed.Volume(t) + ":/data",
		"--label=com.docker.compose.project=" + testbed.Name("project"),
		"--label=com.docker.compose.project.working_dir=" + d.root,
		"--label=com.docker.compose.service=counter",
	}, "sh", "-c", counter)
	said := func(word string) []string {
		var all []string
		for line := range strings.Lines(testbed.Docker(t, "logs", container)) {
			if n, ok := strings.CutPrefix(strings.TrimSpace(line), word+" "); ok {
				all = append(all, n)
			}
		}
		return all
	}
	d.succeeds("save", "--name", "first")
	for round := range 2 {
		d.succeeds("restore", "first")
		last := said("last")
		require.Len(t, last, 2*round+1)
		d.succeeds("undo")
		testbed.Eventually(t, 10*time.Second, "it runs again", func() bool { return len(said("found")) == 2*round+3 })
		found := said("found")
		require.Equal(t, last[len(last)-1], found[len(found)-1])
		require.NotEqual(t, found[len(found)-1], found[len(found)-2])
	}
	d.nothingLeft()
}

// What a service writes because it is stopped is no part of what is brought back,
// though nothing differed there when the restore was planned (isDue), and it is in
// the safety snapshot.
func TestWhatIsWrittenAtTheStopIsBroughtBackToo(t *testing.T) {
	testbed.Require(t, "docker", "root")
	engine := os.Getenv("DOCKER_HOST")
	d := newPlainDesk(t)
	t.Setenv("DOCKER_HOST", engine)
	container := testbed.Container(t, "busybox", []string{
		"--network=none", "--volume=" + testbed.Volume(t) + ":/data", "--volume=" + d.root + ":/workspace",
		"--label=com.docker.compose.project=" + testbed.Name("project"),
		"--label=com.docker.compose.project.working_dir=" + d.root,
	}, "sh", "-c", "trap 'echo bye >>/data/last; exit 0' TERM; while :; do sleep 0.1; done")
	d.succeeds("save", "--name", "first")
	d.write("note", "it is stopped for this")
	require.NotContains(t, d.succeeds("restore", "first", "--dry-run"), "last")
	require.Contains(t, d.succeeds("restore", "first"), "identical: every byte at rest")
	require.Empty(t, testbed.Exec(t, container, "ls", "/data"))
	d.succeeds("undo")
	require.Equal(t, "bye", testbed.Exec(t, container, "cat", "/data/last"))
	d.nothingLeft()
}
