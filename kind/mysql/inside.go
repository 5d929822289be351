package mysql

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"strings"

	"dogear/internal/docker"
)

// locate says where the server listens: at the socket that its command line
// named, or else at the one that there is.
const locate = `socket=$1; port=$2
[ -S "$socket" ] || socket=$(sed -n 's/.* \(\/[^ ]*my[^ ]*\.sock\)$/\1/p' /proc/net/unix | grep -v mysqlx | head -n 1)`

// insideUser is who goes to the socket: a server may let root in by nothing
// but the account.
const insideUser = "0"

// dialInside reaches the server through a program that runs beside it:
// networks that this host has no part in, and servers that trust local users.
func (s *server) dialInside(ctx context.Context, _, _ string) (net.Conn, error) {
	return s.engine.DialServer(ctx, s.container.ID, insideUser, locate, s.socket, strconv.Itoa(s.port)), nil
}

// dumpScript runs the dump program of the server's own version, under either
// of its names. The password is in the environment.
const dumpScript = locate + `
user=$3; shift 3
for program in mariadb-dump mysqldump; do
	if command -v "$program" >/dev/null 2>&1; then exec "$program" --no-defaults --socket="$socket" --user="$user" "$@"; fi
done
echo "the container has neither mariadb-dump nor mysqldump" >&2
exit 127`

// dump runs the dump program beside the server: in its container, or here. It
// returns what the program complained of if it could not do its work.
func (s *server) dump(ctx context.Context, as login, stdout *bytes.Buffer, args ...string) (string, error) {
	if s.address != nil {
		return s.address.dump(ctx, stdout, args...)
	}
	var env []string
	if as.password != "" {
		env = []string{"MYSQL_PWD=" + as.password}
	}
	var stderr bytes.Buffer
	argv := append([]string{"sh", "-c", dumpScript, "sh", s.socket, strconv.Itoa(s.port), as.user}, args...)
	code, err := s.engine.Exec(ctx, s.container.ID, docker.Command{
		Argv: argv, Env: env, User: insideUser, Stdout: stdout, Stderr: &stderr,
	})
	if err != nil || code == 0 {
		return "", err
	}
	return strings.TrimSpace(stderr.String()), nil
}
