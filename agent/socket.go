package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const socketName = "agent.sock"

// maxSocketPath is what fits in sockaddr_un with its closing NUL.
const maxSocketPath = 107

// dial connects to the agent of the store in dir.
func dial(ctx context.Context, dir string) (conn net.Conn, err error) {
	err = atSocket(dir, func(path string) error {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", path)
		return err
	})
	return conn, err
}

// listen opens the socket of the store in dir, which this process owns: a
// socket that is there already was left behind by an agent that died.
func listen(dir string) (listener *net.UnixListener, err error) {
	if err := os.Remove(filepath.Join(dir, socketName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	err = atSocket(dir, func(path string) error {
		l, err := (&net.ListenConfig{Control: private}).Listen(context.Background(), "unix", path)
		if err != nil {
			return err
		}
		listener = l.(*net.UnixListener)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	listener.SetUnlinkOnClose(false) // the path may be one of /proc, see atSocket
	return listener, nil
}

// private gives the socket its mode before it has a name, so that it never
// exists with another one.
func private(_, _ string, raw syscall.RawConn) error {
	var chmodErr error
	err := raw.Control(func(fd uintptr) { chmodErr = unix.Fchmod(int(fd), 0o600) })
	return errors.Join(err, chmodErr)
}

// atSocket calls f with a path of the socket that is short enough for the
// kernel: that of a deep directory leads through an open descriptor.
func atSocket(dir string, f func(path string) error) error {
	path := filepath.Join(dir, socketName)
	if len(path) <= maxSocketPath {
		return f(path)
	}
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	return errors.Join(f(filepath.Join("/proc/self/fd", strconv.Itoa(fd), socketName)), unix.Close(fd))
}

// peer is the process at the other end of a connection.
type peer struct {
	pid int
	uid int
}

// peerOf asks the kernel, not the peer.
func peerOf(conn net.Conn) (peer, error) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, credErr); err != nil {
		return peer{}, fmt.Errorf("ask who is calling: %w", err)
	}
	return peer{pid: int(cred.Pid), uid: int(cred.Uid)}, nil
}

// allowed reports whether the peer may use an agent of this user.
func (p peer) allowed() bool { return p.uid == os.Geteuid() || p.uid == 0 }
