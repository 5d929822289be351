package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// composed is a project with what makes Compose make containers anew: health
// conditions, aliases, anonymous volumes, a service in the network of another.
const composed = `
version: "2.4"
services:
  db:
    image: IMAGE
    command: &idle ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
    volumes: ["data:/v", "/anonymous"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
  web:
    image: IMAGE
    command: *idle
    depends_on: {db: {condition: service_healthy}}
    environment: ["A=1"]
    ports: ["127.0.0.1::80"]
    networks: {default: {aliases: [www]}}
    restart: always
  beside:
    image: IMAGE
    command: *idle
    network_mode: "service:web"
volumes: {data: {}}
`

// TestComposeFindsNothingToDo (D12) restores after `down --volumes --rmi all`,
// and asks Compose to bring up what is there: 1.29 and 2.26, each for root and
// for who is merely in the group. It recreates nothing, but that Compose 2 takes a
// container in the namespace of another for changed when that one has another
// id; the receipt of a restore says so.
func TestComposeFindsNothingToDo(t *testing.T) {
	testbed.Require(t, "docker", "compose", "root")
	for name, c := range map[string]struct {
		program string
		user    bool
		beside  bool // Compose 2 makes it anew
	}{
		"1":      {"docker-compose", false, false},
		"1 user": {"docker-compose", true, false},
		"2":      {os.Getenv("DOGEAR_TEST_COMPOSE"), false, true},
		"2 user": {os.Getenv("DOGEAR_TEST_COMPOSE"), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := composedRig(t)
			if c.user {
				r.as = testbed.TestUser(t)
				testbed.Run(t, "chown", "-R", r.as.Username, r.Dir, filepath.Dir(r.store))
			}
			compose := func(args ...string) string {
				t.Helper()
				cmd := exec.Command(c.program, append([]string{"--project-name", r.Project, "--file", r.Path("compose.yaml")}, args...)...)
				cmd.Dir = r.Dir
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
				return string(out)
			}
			t.Cleanup(func() { compose("down", "--volumes", "--rmi", "all") })
			compose("up", "--detach")
			saved := r.json(done, "save").Snapshot.ID
			compose("down", "--volumes", "--rmi", "all")
			receipt := r.dogear(done, "restore", saved)
			require.Contains(t, receipt, "identical: every byte at rest and every fact")
			restored := containersOf(t, r.Project)
			require.Len(t, restored, 3)
			compose("up", "--detach")
			now := containersOf(t, r.Project)
			if c.beside {
				require.Contains(t, receipt, "--no-recreate")
				delete(restored, "beside")
				delete(now, "beside")
			}
			require.Equal(t, restored, now)
		})
	}
}

func composedRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "composed-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	project := filepath.Base(dir)
	image := "dogear-test/" + project
	testbed.Docker(t, "tag", testbed.Image(t, "busybox"), image)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(strings.ReplaceAll(composed, "IMAGE", image)), 0o644))
	return rigOn(t, &testbed.Shop{Dir: dir, Project: project})
}

// containersOf returns the ids of a project's containers by service.
func containersOf(t *testing.T, project string) map[string]string {
	t.Helper()
	ids := make(map[string]string)
	for line := range strings.Lines(testbed.Docker(t, "ps", "--all", "--no-trunc", "--filter", "label=com.docker.compose.project="+project,
		"--format", `{{.Label "com.docker.compose.service"}} {{.ID}}`)) {
		service, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids[service] = id
	}
	return ids
}
