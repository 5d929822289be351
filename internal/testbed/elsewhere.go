package testbed

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Forwarded makes an engine's socket a port of this host, and returns its address: who uses that takes the engine for
// one on another host.
func Forwarded(t testing.TB, socket string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("unix", strings.TrimPrefix(socket, "unix://"))
			if err != nil {
				_ = from.Close()
				continue
			}
			go pass(to.(*net.UnixConn), from)
			go pass(from.(*net.TCPConn), to)
		}
	}()
	return "tcp://" + listener.Addr().String()
}

// pass copies one direction, and its end with it.
func pass(to interface {
	io.Writer
	CloseWrite() error
}, from io.Reader) {
	_, _ = io.Copy(to, from)
	_ = to.CloseWrite()
}
