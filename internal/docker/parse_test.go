package docker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"
)

func TestStopSignal(t *testing.T) {
	for name, want := range map[string]int{"": 15, "SIGINT": 2, "int": 2, "QUIT": 3, "9": 9, "NONSENSE": 0} {
		signal, ok := stopSignal(name)
		require.Equal(t, want > 0, ok, name)
		require.Equal(t, want, signal, name)
	}
}

func TestSignalMask(t *testing.T) {
	status := "Name:\tx\nSigBlk:\t0000000000004000\nSigCgt:\t0000000000000002\n"
	require.EqualValues(t, 0x4000, signalMask(status, "SigBlk"))
	require.EqualValues(t, 2, signalMask(status, "SigCgt"))
	require.EqualValues(t, ^uint64(0), signalMask(status, "SigIgn"), "if in doubt it hears")
}

// TestReadSockets reads the kernel's tables; a port of less than 1024 can be tried
// by root alone, and is looked for there.
func TestReadSockets(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0 100 0 0 10 0
   2: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 33 1 0 20 4 30 10 -1
   3: short
   4: XX:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 44 1 0 100 0 0 10 0
`
	found := readSockets(strings.NewReader(table), waiting["tcp"])
	require.Equal(t, []socket{
		{netip.MustParseAddrPort("127.0.0.1:8080"), "11"}, {netip.MustParseAddrPort("[::]:80"), "22"},
	}, found)
	for _, c := range []struct {
		socket   int
		ip, port string
		blocks   bool
	}{
		{0, "", "8080", true}, {0, "0.0.0.0", "8080", true}, {0, "127.0.0.1", "8080", true}, {0, "127.0.0.2", "8080", false},
		{0, "127.0.0.1", "8081", false}, {1, "127.0.0.1", "80", true},
	} {
		require.Equal(t, c.blocks, found[c.socket].blocks(Binding{HostIP: c.ip, HostPort: c.port}), "%+v", c)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	at := netip.MustParseAddrPort(listener.Addr().String())
	live := slices.IndexFunc(sockets("tcp"), func(s socket) bool { return s.at == at })
	require.GreaterOrEqual(t, live, 0)
	require.Contains(t, processOf(sockets("tcp")[live].inode), fmt.Sprintf("pid %d", os.Getpid()))
}

func TestHasAddress(t *testing.T) {
	for ip, want := range map[string]bool{"": true, "0.0.0.0": true, "::": true, "127.0.0.9": true, "::1": true, "198.51.100.7": false, "2001:db8::7": false} {
		require.Equal(t, want, (&PortHolders{local: true}).HasAddress(Binding{HostIP: ip}), ip)
		require.True(t, (&PortHolders{}).HasAddress(Binding{HostIP: ip}), "nothing is known of another host")
	}
}

func TestChosenAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		subnets []Subnet
		chosen  bool
	}{
		"none":            {nil, false},
		"from the pool":   {[]Subnet{{Subnet: "172.18.0.0/16", Gateway: "172.18.0.1"}}, false},
		"from the second": {[]Subnet{{Subnet: "192.168.16.0/20", Gateway: "192.168.16.1"}}, false},
		"no pool's":       {[]Subnet{{Subnet: "10.1.0.0/16", Gateway: "10.1.0.1"}}, true},
		"other size":      {[]Subnet{{Subnet: "172.18.5.0/24", Gateway: "172.18.5.1"}}, true},
		"other gateway":   {[]Subnet{{Subnet: "172.18.0.0/16", Gateway: "172.18.0.9"}}, true},
		"no gateway":      {[]Subnet{{Subnet: "172.18.0.0/16"}}, true},
		"range":           {[]Subnet{{Subnet: "172.18.0.0/16", Gateway: "172.18.0.1", IPRange: "172.18.5.0/24"}}, true},
		"two":             {[]Subnet{{Subnet: "172.18.0.0/16", Gateway: "172.18.0.1"}, {Subnet: "fd00::/64"}}, true},
		"nonsense":        {[]Subnet{{Subnet: "?"}}, true},
	} {
		require.Equal(t, c.chosen, (&Network{IPAM: IPAM{Config: c.subnets}}).HasChosenAddresses(), name)
	}
}

func TestImageName(t *testing.T) {
	i := &Image{ID: "sha256:1234", Tags: []string{"shop:latest", "reg.example:5000/shop:v1"}}
	for reference, want := range map[string]string{
		"shop":                     "shop:latest",
		"shop:latest":              "shop:latest",
		"shop:v2":                  "sha256:1234",
		"reg.example:5000/shop:v1": "reg.example:5000/shop:v1",
		"reg.example:5000/shop":    "sha256:1234",
		"1234":                     "sha256:1234",
	} {
		require.Equal(t, want, i.Name(reference), reference)
	}
}

func TestUnescape(t *testing.T) {
	require.Equal(t, `/a b\c`, unescape(`/a\040b\134c`))
	require.Equal(t, `/a\09`, unescape(`/a\09`))
}

func TestOrphans(t *testing.T) {
	mine := ownerMark()
	require.False(t, isOrphan(mine), "its owner runs")
	require.False(t, isOrphan(""), "nobody knows")
	require.False(t, isOrphan("another-boot pid:[1] 99999 1"), "another host's, for all we know")
	require.True(t, isOrphan(bootID()+" "+pidNamespace()+" 1 0"), "another process has its number")
	require.True(t, isOrphan(bootID()+" "+pidNamespace()+" 99999999 1"))
	require.NotEqual(t, "gone", startTime(os.Getpid()))
}

func TestLiesIn(t *testing.T) {
	for path, want := range map[string]bool{"/w": true, "/w/a": true, "/w-b": false, "/": false, "/w/../x": false, "/w/..a": true} {
		require.Equal(t, want, liesIn(path, "/w"), path)
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(root, link))
	require.True(t, liesIn(link, root), "Compose writes the path as the user gave it")
}

func TestIsMember(t *testing.T) {
	for name, c := range map[string]struct {
		labels map[string]string
		want   bool
	}{
		"in the workspace":  {map[string]string{LabelWorkingDir: "/w/a"}, true},
		"in another one":    {map[string]string{LabelWorkingDir: "/v", LabelProject: "w"}, false},
		"named":             {nil, true},
		"a courier of ours": {map[string]string{LabelWorkingDir: "/w/a", LabelCourier: "1"}, false},
	} {
		listed := container.Summary{Names: []string{"/c"}, Labels: c.labels}
		var included []string
		if c.labels == nil {
			included = []string{"c"}
		}
		require.Equal(t, c.want, isMember(listed, "/w", included), name)
	}
}

// TestWithoutPasswords: an engine that cannot mount a share repeats the
// options, the password with them.
func TestWithoutPasswords(t *testing.T) {
	for text, want := range map[string]string{
		"mount //h/s, data: username=a,password=hunter2,vers=3: denied": "mount //h/s, data: username=a,password=…,vers=3: denied",
		"data: pass=hunter2": "data: pass=…",
		"no such directory":  "no such directory",
	} {
		require.EqualError(t, withoutPasswords(errors.New(text)), want)
	}
}
