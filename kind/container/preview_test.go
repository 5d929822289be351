package container_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
)

// TestConflicts (D10, D22) names everything that is in the way before anything
// is touched. Missing sources are looked for: the engine would make them.
func TestConflicts(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	source := filepath.Join(t.TempDir(), "source")
	require.NoError(t, os.Mkdir(source, 0o755))
	name := started(t, "-p", address+":80", "-p", address+":80/udp", "-v", source+":/source:ro")
	w := newWorld(t, docker.Options{}, name)
	parts := w.capture()
	require.Equal(t, kind.ActionNone, w.preview(parts, name).Action)
	require.Contains(t, gapsOf(parts), "bind mount "+source)

	testbed.Docker(t, "rm", "--force", name)
	require.NoError(t, os.Remove(source))
	listener, err = net.Listen("tcp", address)
	require.NoError(t, err)
	change := w.preview(parts, name)
	require.Equal(t, kind.ActionCreate, change.Action)
	require.Len(t, change.Conflicts, 2)
	require.Contains(t, change.Conflicts[0], source)
	require.Contains(t, change.Conflicts[1], address)
	me := fmt.Sprintf("a process on this host (container.test, pid %d)", os.Getpid())
	require.Contains(t, change.Conflicts[1], me)
	require.NoError(t, listener.Close())

	datagrams, err := net.ListenPacket("udp", address)
	require.NoError(t, err)
	require.Contains(t, strings.Join(w.preview(parts, name).Conflicts, "\n"), address+" of this host is taken by "+me, "of UDP")
	require.NoError(t, datagrams.Close())
	require.Len(t, w.preview(parts, name).Conflicts, 1)

	holder := testbed.Container(t, "busybox", []string{"-p", address + ":80"}, idle()...)
	require.Contains(t, strings.Join(w.preview(parts, name).Conflicts, "\n"), holder)
	err = w.containers.Restore(t.Context(), w.ws, partOf(parts, name).Part, w.store)
	require.ErrorContains(t, err, source)
	require.NoDirExists(t, source, "the engine made a directory of its own")
}

// What ran on an engine that gives the users of containers other ids on the host
// is named before anything is touched (X7).
func TestUsersOfAnotherEngineAreNamed(t *testing.T) {
	t.Parallel()
	name := started(t)
	w := newWorld(t, docker.Options{}, name)
	parts := w.capture()
	testbed.Docker(t, "rm", "--force", name)
	require.Empty(t, w.preview(parts, name).Conflicts)

	part := partOf(parts, name)
	at := slices.IndexFunc(part.Objects, func(o kind.Object) bool { return o.Name == "description" })
	var record map[string]any
	require.NoError(t, content.GetJSON(t.Context(), w.store, part.Objects[at], &record))
	record["users"] = "mapped"
	changed, err := content.PutJSON(t.Context(), w.store, "description", record)
	require.NoError(t, err)
	part.Objects = slices.Clone(part.Objects)
	part.Objects[at] = changed
	change, err := w.containers.Preview(t.Context(), w.ws, part.Part, w.store)
	require.NoError(t, err)
	require.Len(t, change.Conflicts, 1)
	require.Contains(t, change.Conflicts[0], "users are mapped (userns-remap), and here they are those of the host")
}

func (w *world) preview(parts []captured, name string) kind.Change {
	w.t.Helper()
	change, err := w.containers.Preview(w.t.Context(), w.ws, partOf(parts, name).Part, w.store)
	require.NoError(w.t, err)
	return change
}

func partOf(parts []captured, name string) captured {
	for _, p := range parts {
		if p.ID == idOf(name) {
			return p
		}
	}
	return captured{}
}

func gapsOf(parts []captured) []string {
	var what []string
	for _, p := range parts {
		for _, gap := range p.Gaps {
			what = append(what, gap.What)
		}
	}
	return what
}

// TestNetworkMadeAnew (D11) attaches a container that still exists to the network
// that has taken the place of its own.
func TestNetworkMadeAnew(t *testing.T) {
	t.Parallel()
	network := testbed.Network(t)
	name := started(t, "--network", network, "--network-alias", "shop")
	w := newWorld(t, docker.Options{}, name)
	parts := w.capture()
	id := testbed.Inspect(t, name, ".Id")
	w.stop()
	testbed.Docker(t, "network", "rm", network)
	w.restore(parts)
	require.Empty(t, w.differences(parts))
	require.Equal(t, id, testbed.Inspect(t, name, ".Id"))
}
