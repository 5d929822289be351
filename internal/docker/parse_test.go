package docker

import (
	"errors"
	"os"
	"testing"

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
