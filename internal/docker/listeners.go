package docker

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// portUser returns who on this host keeps a port from being published, or "".
func portUser(protocol string, b Binding) string {
	free := tryPort(protocol, b)
	if free == nil || !errors.Is(free, syscall.EADDRINUSE) && !errors.Is(free, syscall.EACCES) {
		return ""
	}
	for _, s := range sockets(protocol) {
		if s.blocks(b) {
			return "a process on this host" + processOf(s.inode)
		}
	}
	if errors.Is(free, syscall.EACCES) {
		return "" // a port that only root may try, and nobody uses
	}
	return "a process on this host"
}

// tryPort tries whether a port can be used.
func tryPort(protocol string, b Binding) error {
	address := net.JoinHostPort(b.HostIP, b.HostPort)
	var closer io.Closer
	var err error
	switch protocol {
	case "tcp":
		closer, err = net.Listen("tcp", address)
	case "udp":
		closer, err = net.ListenPacket("udp", address)
	default:
		return nil // SCTP: only the engine knows
	}
	if err == nil {
		_ = closer.Close() // was never used
	}
	return err
}

// socket is one that waits for what comes to a port.
type socket struct {
	at    netip.AddrPort
	inode string
}

func (s socket) blocks(b Binding) bool {
	if strconv.Itoa(int(s.at.Port())) != b.HostPort {
		return false
	}
	wanted, err := netip.ParseAddr(b.HostIP)
	return err != nil || wanted.IsUnspecified() || s.at.Addr().IsUnspecified() || s.at.Addr() == wanted
}

// waiting are the states of such sockets in /proc/net (include/net/tcp_states.h):
// TCP_LISTEN, and TCP_CLOSE for UDP without a peer.
var waiting = map[string]string{"tcp": "0A", "udp": "07"}

// sockets lists those of a protocol.
func sockets(protocol string) []socket {
	var all []socket
	for _, version := range []string{"", "6"} {
		table, err := os.Open("/proc/net/" + protocol + version)
		if err != nil {
			continue // no IPv6
		}
		all = append(all, readSockets(table, waiting[protocol])...)
		_ = table.Close() // read only
	}
	return all
}

// readSockets reads a table of the kernel, proc_net_tcp(5): "sl local_address
// rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode".
func readSockets(table io.Reader, state string) []socket {
	var found []socket
	for lines := bufio.NewScanner(table); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[3] != state {
			continue
		}
		if at, ok := readAddress(f[1]); ok {
			found = append(found, socket{at, f[9]})
		}
	}
	return found
}

// readAddress reads "0100007F:1F90": words of 32 bits as they are in memory, and
// the port as a number.
func readAddress(text string) (netip.AddrPort, bool) {
	words, number, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	port, portErr := strconv.ParseUint(number, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), ok
}

// processOf names the process that has a socket, if this user may see that.
func processOf(inode string) string {
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well-formed
	for _, d := range descriptors {
		if target, err := os.Readlink(d); err != nil || target != "socket:["+inode+"]" {
			continue
		}
		process := filepath.Dir(filepath.Dir(d))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			return ""
		}
		return fmt.Sprintf(" (%s, pid %s)", strings.TrimSpace(string(name)), filepath.Base(process))
	}
	return ""
}
