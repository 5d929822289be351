package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// machine is a handful with each of what it writes to on a disk of its own, and
// an engine of its own.
type machine struct {
	*handful
	engine *testbed.Engine
	disks  map[string]string // directories by what is there
	states map[string]string // as handful.witness sees them
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	testbed.Require(t, "docker", "root", "mounts", "ext4", "newer-engine")
	programs(t) // while there is room for it
	m := &machine{disks: make(map[string]string)}
	for what, size := range map[string]int64{"engine": 192 << 20, "store": 96 << 20, "workspace": 64 << 20, "tmp": 48 << 20} {
		m.disks[what] = testbed.Filesystem(t, "ext4", size)
	}
	m.engine = testbed.EngineIn(t, filepath.Join(m.disks["engine"], "data"))
	t.Setenv("DOCKER_HOST", m.engine.Address)
	t.Setenv("TMPDIR", m.disks["tmp"])
	store := filepath.Join(m.disks["store"], "s")
	m.handful = newHandfulIn(t, filepath.Join(m.disks["workspace"], "w"), store)
	m.states = map[string]string{stateBefore: m.witness()}
	m.dogear(done, "restore", stateWanted)
	m.states[stateWanted] = m.witness()
	return m
}

// befallen runs the restore and does something once, when it comes to a step.
// It returns the exit code and what was said.
func (m *machine) befallen(step int, by func()) (int, string) {
	m.t.Helper()
	m.dogear(done, "restore", stateBefore)
	cmd := m.command("restore", stateWanted)
	said := m.saidBy(cmd)
	count, once := &steps{store: m.store}, false
	testbed.SignalWhen(m.t, cmd, 0, func() bool {
		if count.next() >= step && !once {
			once = true
			by()
		}
		return false
	})
	return cmd.ProcessState.ExitCode(), said()
}

// isWhole requires the workspace to be exactly one of the two states.
func (m *machine) isWhole(state, why string) {
	m.t.Helper()
	if state == "" {
		state = stateBefore
		if m.command("verify", stateWanted).Run() == nil {
			state = stateWanted
		}
	}
	require.Equal(m.t, m.states[state], m.witness(), why)
	m.dogear(done, "verify", state)
	m.nothingLeftBehind()
}

// TestFaultsOfTheMachine fills one disk after another in the midst of a
// restore (X2), and restarts the engine: the restore is done, or taken back, and
// what is to run runs, while there still is no room; or it says that it could do
// neither, and `recover` does, once there is. In CI it is two faults of the five.
func TestFaultsOfTheMachine(t *testing.T) {
	m := newMachine(t)
	first := rand.IntN(5)
	for i := range testbed.Points(2) {
		step := rand.IntN(30)
		places := []string{"engine", "store", "workspace", "tmp"}
		if which := (first + i) % 5; which < len(places) {
			m.runsFull(places[which], step, rand.Int64N(1<<20))
		} else {
			m.losesItsEngine(step)
		}
	}
}

// runsFull fills a disk when the restore comes to a step, but for a few bytes.
func (m *machine) runsFull(place string, step int, free int64) {
	m.t.Helper()
	theirs, filler := m.theirs(), ""
	code, out := m.befallen(step, func() { filler = testbed.Fill(m.t, m.disks[place], free) })
	why := fmt.Sprintf("%s has %d bytes left from step %d on: exit code %d\n%s", place, free, step, code, out)
	switch code {
	case done:
		m.running(why)
	case failed:
		require.Regexp(m.t, "no space left|no room", out, why)
		require.Contains(m.t, out, "state: ", why)
		m.running(why)
	default:
		require.Equal(m.t, unfinished, code, why)
		require.Contains(m.t, out, "dogear recover", why)
	}
	if filler != "" {
		require.NoError(m.t, os.Remove(filler))
	}
	m.ends(code, why)
	require.Equal(m.t, theirs, m.theirs(), "somebody else's")
}

func (m *machine) losesItsEngine(step int) {
	m.t.Helper()
	code, out := m.befallen(step, m.engine.Restart)
	why := fmt.Sprintf("the engine is restarted at step %d: exit code %d\n%s", step, code, out)
	require.Contains(m.t, []int{done, failed, unfinished}, code, why)
	if code == unfinished {
		require.Contains(m.t, out, "dogear recover", why)
	}
	m.ends(code, why)
}

// ends requires that the next command leaves what the exit code promised.
func (m *machine) ends(code int, why string) {
	m.t.Helper()
	m.dogear(done, "recover")
	m.isWhole(map[int]string{done: stateWanted, failed: stateBefore}[code], why)
	m.t.Log(strings.SplitN(why, "\n", 2)[0])
}

// running requires that what is to run does, and nothing stands still.
func (m *machine) running(why string) {
	m.t.Helper()
	out, err := exec.Command("docker", "ps", "--all", "--filter", "label=com.docker.compose.project="+m.Project, "--format", "{{.State}}").Output()
	require.NoError(m.t, err)
	require.Equal(m.t, []string{"running", "running", "running"}, strings.Fields(string(out)), why)
}
