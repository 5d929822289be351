package postgres

import (
	"bytes"
	"context"
	"net"
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
func (i inside) run(ctx context.Context, program string, args []string, password string, stdout *bytes.Buffer) (string, error) {
	script := `exec ` + program + ` --no-password --host="$(sed -n 5p "$0/postmaster.pid")" --port="$(sed -n 4p "$0/postmaster.pid")" "$@"`
	var env []string
	if password != "" {
		env = []string{"PGPASSWORD=" + password}
	}
	var stderr bytes.Buffer
	code, err := i.engine.Exec(ctx, i.container, docker.Command{
		Argv: append([]string{"sh", "-c", script, i.dataDir}, args...), Env: env, User: i.user, Stdout: stdout, Stderr: &stderr,
	})
	if err != nil || code == 0 {
		return "", err
	}
	return strings.TrimSpace(stderr.String()), nil
}
