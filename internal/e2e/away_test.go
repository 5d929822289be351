package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// away is another host than that of the engine: it is reached over the network,
// where its data is there is nothing, and where the store is the engine has
// nothing.
type away struct{ host, hidden, store, real string }

// awayFrom lets the commands of a rig run on such a host.
func (r *rig) awayFrom(t *testing.T, engine string) {
	t.Helper()
	place := filepath.Dir(r.store)
	real, err := os.MkdirTemp("", "away-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(real)) })
	r.away = &away{
		host: testbed.Forwarded(t, engine), store: place, real: real,
		hidden: testbed.Docker(t, "info", "--format", "{{.DockerRootDir}}"),
	}
}

func (a *away) command(name string, args ...string) *exec.Cmd {
	if a == nil {
		return exec.Command(name, args...)
	}
	const script = `mount --bind "$1" "$2" && mount -t tmpfs none "$3" && shift 3 && exec "$@"`
	cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c", script, "sh", a.real, a.store, a.hidden, name}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+a.host)
	return cmd
}
