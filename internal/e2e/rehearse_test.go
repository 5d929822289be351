package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

const rehearsalLabel = "label=dogear.rehearsal"

// rehearsed is what a test looks at of a rehearsal.
type rehearsed struct {
	Identical     bool
	Differences   []difference
	Unhealthy     []string
	Parts         []string
	NotComparable []struct{ Part, What, Why string } `json:"not_comparable"`
	Timings       struct {
		HealthyMS int64 `json:"healthy_ms"`
	}
}

// The whole stack is restored a second time, comes up where nothing leads out,
// is what was captured, and is gone again, while the workspace runs on. One
// that is killed is removed by the next command.
func TestRehearsal(t *testing.T) {
	r := newRig(t)
	saved := r.json(done, "save").Snapshot
	r.SQL("update customers set name = name || '!'") // what is live now is not what is rehearsed
	running, volumes, networks, images := r.running(), r.everything("volume"), r.everything("network"), r.everything("image")

	var res rehearsed
	out := r.dogear(done, "rehearse", saved.ID, "--json")
	require.NoError(t, json.Unmarshal([]byte(out), &res))
	require.True(t, res.Identical, "%+v", res.Differences)
	require.Empty(t, res.Unhealthy)
	require.Positive(t, res.Timings.HealthyMS)
	for _, kind := range []string{"container/", "volume/", "network/", "git/", "postgres/", "redis/"} {
		require.Contains(t, strings.Join(res.Parts, " "), kind)
	}
	r.noRehearsal()
	require.Equal(t, names(running), names(r.running()))
	require.Equal(t, volumes, r.everything("volume"))
	require.Equal(t, networks, r.everything("network"))
	require.Equal(t, images, r.everything("image"))

	cmd := r.command("rehearse", saved.ID)
	require.NoError(t, cmd.Start())
	// Images are made first: on a busy disk that takes its time.
	testbed.Eventually(t, 6*testbedLimit, "a network of it is there, and leads nowhere", func() bool {
		ids := testbed.Docker(t, "network", "ls", "--quiet", "--filter", rehearsalLabel)
		return ids != "" && testbed.Docker(t, "ps", "--all", "--quiet", "--filter", rehearsalLabel) != ""
	})
	for _, id := range strings.Fields(testbed.Docker(t, "network", "ls", "--quiet", "--filter", rehearsalLabel)) {
		require.Equal(t, "true", testbed.Docker(t, "network", "inspect", "--format", "{{.Internal}}", id))
	}
	for _, id := range strings.Fields(testbed.Docker(t, "ps", "--all", "--quiet", "--filter", rehearsalLabel)) {
		require.Empty(t, testbed.Docker(t, "port", id))
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	testbed.Eventually(t, testbedLimit, "the next commands remove it", func() bool {
		r.dogear(done, "list")
		return r.leftOfRehearsals() == ""
	})
	r.removesStragglers()
	r.noRehearsal()
	require.Equal(t, volumes, r.everything("volume"))
	r.nothingLeftBehind()
}

// removesStragglers has something of the rehearsal that was killed come to be only
// after it was removed: for a while each command removes that, too. It fails if
// the first one forgets the rehearsal.
func (r *rig) removesStragglers() {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.store, "rehearsals"))
	require.NoError(r.t, err)
	require.Len(r.t, entries, 1)
	mark := "dogear-rehearsal-" + entries[0].Name() + "-"
	testbed.Docker(r.t, "create", "--name", mark+"late", testbed.LabelFlag(), "--label=dogear.rehearsal="+mark, testbed.Image(r.t, "busybox"), "true")
	r.dogear(done, "list")
	require.Empty(r.t, r.leftOfRehearsals())
	long := time.Now().Add(-time.Hour)
	require.NoError(r.t, os.Chtimes(filepath.Join(r.store, "rehearsals", entries[0].Name(), "reaped"), long, long))
	r.dogear(done, "list")
}

// noRehearsal requires that nothing of a rehearsal is left, and that it is
// forgotten.
func (r *rig) noRehearsal() {
	r.t.Helper()
	require.Empty(r.t, r.leftOfRehearsals())
	entries, err := os.ReadDir(filepath.Join(r.store, "rehearsals"))
	require.NoError(r.t, err)
	require.Empty(r.t, entries)
}

// leftOfRehearsals lists what there is of any in the engine.
func (r *rig) leftOfRehearsals() string {
	r.t.Helper()
	left := ""
	for _, list := range [][]string{{"ps", "--all"}, {"volume", "ls"}, {"network", "ls"}} {
		left += testbed.Docker(r.t, append(list, "--quiet", "--filter", rehearsalLabel)...)
	}
	return left + testbed.Docker(r.t, "image", "ls", "--quiet", "dogear-rehearsal-*/*")
}

// everything lists the volumes, networks or images that bear the name of the project.
func (r *rig) everything(what string) string {
	r.t.Helper()
	format := map[string]string{"volume": "{{.Name}}", "network": "{{.Name}}", "image": "{{.Repository}}:{{.Tag}}"}[what]
	var own []string
	for _, name := range strings.Fields(testbed.Docker(r.t, what, "ls", "--format", format)) {
		if strings.Contains(name, r.Project) {
			own = append(own, name)
		}
	}
	return strings.Join(own, " ")
}

// names drops the words that say how long something has been running.
func names(running string) string {
	var out []string
	for line := range strings.Lines(running) {
		out = append(out, strings.Fields(line)[0])
	}
	return strings.Join(out, " ")
}

// knock has a container try, again and again, every address that this host
// might have for it, and its router. Once it has tried all it is healthy.
const knock = `trap 'exit 0' TERM
while :; do
	for host in $(ip route | sed -n 's/^default via \([^ ]*\) .*/\1/p') %s; do nc -w 1 $host %d </dev/null; done
	touch /tried
	sleep 0.2
done`

// A rehearsed container reaches neither this host nor anything behind it, and
// asks nobody outside for a name. The live one gets through meanwhile, from its
// own address. It fails without noAddress (kind/network), and with a name server
// that is not in the container.
func TestNothingLeadsOutOfARehearsal(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "docker", "root")
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	require.NoError(t, err)
	visitors := make(chan string, 1000)
	go func() {
		defer close(visitors)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
			_ = c.Close()
			select {
			case visitors <- host:
			default: // it knocks often
			}
		}
	}()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	r := rigOn(t, &testbed.Shop{Dir: dir, Project: "knock"})
	network := testbed.Network(t)
	gateway := testbed.Docker(t, "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network)
	live := testbed.Container(t, "busybox", []string{
		"--network=" + network, "--health-cmd=test -f /tried", "--health-interval=1s", "--dns=192.0.2.53",
		"--label=com.docker.compose.project=knock", "--label=com.docker.compose.project.working_dir=" + dir,
	}, "sh", "-c", fmt.Sprintf(knock, strings.Join(addresses(t), " ")+" "+gateway, listener.Addr().(*net.TCPAddr).Port))
	require.NotEmpty(t, <-visitors, "the live one gets through")
	saved := r.json(done, "save").Snapshot.ID
	own := testbed.Inspect(t, live, "range .NetworkSettings.Networks}}{{.IPAddress}}{{end")

	cmd := r.command("rehearse", saved, "--json")
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, cmd.Start())
	var servers string
	testbed.Eventually(t, testbedLimit, "the rehearsed one is there", func() bool {
		ids := testbed.Docker(t, "ps", "--quiet", "--filter", rehearsalLabel)
		if ids != "" {
			servers = testbed.Inspect(t, strings.Fields(ids)[0], ".HostConfig.Dns")
		}
		return ids != ""
	})
	require.Equal(t, "[127.0.0.1]", servers)
	require.NoError(t, cmd.Wait())
	var res rehearsed
	require.NoError(t, json.Unmarshal(out.Bytes(), &res))
	require.True(t, res.Identical, "%+v", res.Differences)
	require.Empty(t, res.Unhealthy, "it has tried all of them")
	require.NoError(t, listener.Close())
	for visitor := range visitors {
		require.Equal(t, own, visitor)
	}
	r.noRehearsal()
}

// addresses are those of this host.
func addresses(t *testing.T) []string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	require.NoError(t, err)
	var out []string
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			out = append(out, n.IP.String())
		}
	}
	return out
}
