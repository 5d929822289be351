package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// P4: the volume of a server alone, under a container that has another major
// version by now: refused before anything stops, with what can be done. Fails
// if plans have no misfits.
func TestVolumeIsKeptFromAServerThatCannotReadIt(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "git", "docker", "postgres", "trixie")
	volume := testbed.Volume(t)
	r := rigOn(t, &testbed.Shop{Dir: t.TempDir()})
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir, "notes"), nil, 0o600))
	start := func(image string) (container string) {
		container = testbed.Container(t, image, []string{
			"--network=none", "--volume=" + volume + ":/srv/db", "--label=com.docker.compose.project=" + volume,
			"--label=com.docker.compose.service=db", "--label=com.docker.compose.project.working_dir=" + r.Dir,
			"--env=PGDATA=/srv/db/data", "--env=POSTGRES_USER=shop", "--stop-signal=SIGINT", "--entrypoint=/bin/bash",
		}, "-c", `as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }; install -d -m 700 -o postgres $PGDATA
			[ -s $PGDATA/PG_VERSION ] || as initdb --username=shop --auth=trust --no-sync >/dev/null; exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -c fsync=off`)
		testbed.Eventually(t, time.Minute, "the server answers", func() bool {
			return testbed.Exec(t, container, "sh", "-c", "psql -U shop -d postgres -Atc 'select 1' 2>/dev/null || true") == "1"
		})
		return container
	}
	old := start("bookworm")
	saved := r.json(done, "save")
	testbed.Docker(t, "rm", "--force", old)
	testbed.Docker(t, "run", "--rm", "--volume="+volume+":/srv/db", testbed.Image(t, "busybox"), "rm", "-rf", "/srv/db/data")
	newer := start("trixie")
	since := testbed.Docker(t, "inspect", "--format", "{{.State.StartedAt}}", newer)

	refused := r.json(failed, "restore", saved.Snapshot.ID, "--only", "volume/"+volume)
	require.Contains(t, refused.Error.Message, newer+" now has Postgres 17, which does not read the files of Postgres 15: restore container/"+old)
	require.Equal(t, since, testbed.Docker(t, "inspect", "--format", "{{.State.StartedAt}}", newer), "nothing was stopped")

	// A server that does not run cannot be asked, and another image says enough.
	testbed.Docker(t, "stop", newer)
	refused = r.json(failed, "restore", saved.Snapshot.ID, "--only", "volume/"+volume)
	require.Contains(t, refused.Error.Message, "it ran on another image than "+newer+" has now")
}
