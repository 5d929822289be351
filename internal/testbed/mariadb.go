package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mariaScript starts MariaDB on a data directory that the first start fills, as the well-known image does.
const mariaScript = `set -e
data=$1; shift
if [ ! -d "$data/mysql" ]; then
	chown mysql /srv/*
	install -d -o mysql "$data"
	mariadb-install-db --no-defaults --user=mysql --datadir="$data" --auth-root-authentication-method=socket --skip-test-db "$@" >/dev/null 2>&1
	cat >/tmp/init.sql <<-SQL
		CREATE USER root@'%' IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
		GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
		CREATE DATABASE shop;
	SQL
	set -- --init-file=/tmp/init.sql "$@"
fi
exec mariadbd --no-defaults --user=mysql --datadir="$data" --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0 \
	--innodb-flush-log-at-trx-commit=0 "$@"`

// MariaDB starts a MariaDB server of its own for this test, with one empty database, "shop", and returns its
// container; it is removed at the end. The data directory is below the root of a volume.
func MariaDB(t testing.TB, volume string, options []string, arguments ...string) string {
	t.Helper()
	Require(t, "mariadb")
	return mariaDB(t, "bookworm", volume, options, arguments...)
}

// NewerMariaDB is MariaDB in its newer version.
func NewerMariaDB(t testing.TB, volume string) string {
	t.Helper()
	Require(t, "trixie")
	return mariaDB(t, "trixie", volume, nil)
}

func mariaDB(t testing.TB, image, volume string, options []string, arguments ...string) string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "env") // no argument list has the password
	require.NoError(t, os.WriteFile(secret, []byte("MARIADB_ROOT_PASSWORD="+random()+"\n"), 0o600))
	options = append([]string{"--entrypoint=/bin/bash", "--env-file=" + secret, "--volume=" + volume + ":/srv/db"}, options...)
	command := append([]string{"-c", mariaScript, "bash", "/srv/db/data"}, arguments...)
	container := Container(t, image, options, command...)
	WaitForMariaDB(t, container)
	return container
}

// WaitForMariaDB waits until the server in a container answers.
func WaitForMariaDB(t testing.TB, container string) {
	t.Helper()
	Eventually(t, time.Minute, "MariaDB answers in "+container, func() bool {
		return exec.Command("docker", "exec", container, "mariadb", "-e", "USE shop").Run() == nil
	})
}

// MariaSQL runs statements on a MariaDB server in a container and returns the rows, fields separated by tabs.
func MariaSQL(t testing.TB, container, statements string) string {
	t.Helper()
	require.NotEmpty(t, container, "no such container")
	return RunInput(t, statements, "docker", "exec", "--interactive", container,
		"mariadb", "--default-character-set=utf8mb4", "--batch", "--skip-column-names", "--database=shop")
}
