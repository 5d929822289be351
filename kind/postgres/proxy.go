package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"dogear/internal/docker"
)

// locate says where the server listens whose data directory is its first
// argument.
const locate = `port=$(sed -n 4p "$1/postmaster.pid") && directory=$(sed -n 5p "$1/postmaster.pid") || exit 1
socket=$directory/.s.PGSQL.$port`

// inside runs programs in the container of a server.
type inside struct {
	engine    *docker.Engine
	container string
	user      string
	dataDir   string
}

// dial reaches the server through a program that runs beside it: networks
// that this host has no part in, and servers that trust local users only.
func (i inside) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return i.engine.DialServer(ctx, i.container, i.user, locate, i.dataDir), nil
}

// run runs a client program of the server's own version in its container. Its
// arguments follow those that lead to the socket.
func (i inside) run(ctx context.Context, program string, args []string, as login, database string, stdin io.Reader, stdout io.Writer) (string, error) {
	script := `exec ` + program + ` --no-password --host="$(sed -n 5p "$0/postmaster.pid")" --port="$(sed -n 4p "$0/postmaster.pid")" "$@"`
	args = append(slices.Clone(args), "--username="+as.user)
	if database != "" {
		args = append(args, "--dbname="+database)
	}
	var env []string
	if as.password != "" {
		env = []string{"PGPASSWORD=" + as.password}
	}
	return i.exec(ctx, docker.Command{
		Argv: append([]string{"sh", "-c", script, i.dataDir}, args...), Env: env, Stdin: stdin, Stdout: stdout,
	})
}

// exec returns what a program complained of if it could not do its work.
func (i inside) exec(ctx context.Context, command docker.Command) (string, error) {
	var stderr bytes.Buffer
	command.User, command.Stderr = i.user, &stderr
	code, err := i.engine.Exec(ctx, i.container, command)
	if err != nil || code == 0 {
		return "", err
	}
	if stderr.Len() == 0 {
		return fmt.Sprintf("it ended with status %d", code), nil
	}
	return strings.TrimSpace(stderr.String()), nil
}

// walDirectory returns where the data directory's link to the write-ahead log
// leads, "" if there is none.
func (i inside) walDirectory(ctx context.Context) string {
	var stdout bytes.Buffer
	complaint, err := i.exec(ctx, docker.Command{
		Argv: []string{"sh", "-c", `test ! -L "$0/pg_wal" || readlink -f "$0/pg_wal"`, i.dataDir}, Stdout: &stdout,
	})
	if err != nil || complaint != "" {
		return ""
	}
	return strings.TrimSpace(stdout.String())
}
