package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// PostgresServer is a Postgres server with one empty database, "shop", whose owner is the superuser of the same name.
type PostgresServer struct {
	DSN       string // on loopback
	Container string // its name
}

// Postgres starts a server of its own for this test, in about three seconds; it is removed at the end. options are
// flags of `docker run`.
func Postgres(t testing.TB, options ...string) PostgresServer {
	t.Helper()
	Require(t, "postgres")
	password := random()
	secret := filepath.Join(t.TempDir(), "env") // no argument list has the password
	require.NoError(t, os.WriteFile(secret, []byte("POSTGRES_PASSWORD="+password+"\n"), 0o600))
	container := Container(t, "bookworm", append([]string{
		"--user=postgres", "--entrypoint=/bin/bash", "--stop-signal=SIGINT", "--publish=127.0.0.1::5432",
		"--volume=" + filepath.Join(shopDir(t), "tree", "db") + ":/opt/db:ro",
		"--env=POSTGRES_USER=shop", "--env=POSTGRES_DB=shop", "--env-file=" + secret,
		"--env=PGDATA=/var/lib/postgresql/data",
	}, options...), "/opt/db/entrypoint.sh", "-c", "fsync=off")
	waitForPostgres(t, container)
	_, port, _ := strings.Cut(Docker(t, "port", container, "5432/tcp"), ":")
	return PostgresServer{
		DSN:       fmt.Sprintf("postgres://shop:%s@127.0.0.1:%s/shop?sslmode=disable", password, port),
		Container: container,
	}
}

// waitForPostgres asks over TCP: while the entrypoint still prepares, the server listens on its socket only.
func waitForPostgres(t testing.TB, container string) {
	t.Helper()
	Eventually(t, time.Minute, "Postgres answers in "+container, func() bool {
		return exec.Command("docker", "exec", container, "pg_isready", "-q", "-h", "127.0.0.1").Run() == nil
	})
}

// SQL runs statements on a Postgres server in a container and returns the rows, fields separated by "|".
func SQL(t testing.TB, container, statements string) string {
	t.Helper()
	require.NotEmpty(t, container, "no such container")
	return RunInput(t, statements, "docker", "exec", "--interactive", container,
		"psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "shop", "-d", "shop")
}
