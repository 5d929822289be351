package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
)

// handful is a workspace with a little of everything that an engine has, which
// is quick to restore: a container that is corrected, one that is made and one
// that is removed, volumes, networks, files. Beside it is somebody else's.
type handful struct {
	*rig
	web, job, extra string // containers
	reader          string // one of which nothing changes but a volume
	volume, spare   string
	network, other  string
	inJob           []byte   // the beginning of a file that only the layer of job has
	bystander       []string // of another project: a container, a volume, a network
}

// The two states of it, by the names of their snapshots.
const (
	stateWanted = "wanted"
	stateBefore = "before"
)

const untilStopped = "trap 'exit 0' TERM; while :; do sleep 0.1; done"

// newHandful lays it out, saves it, works on it and saves it again.
func newHandful(t *testing.T) *handful {
	t.Helper()
	testbed.Require(t, "docker", "root")
	dir, err := os.MkdirTemp("", "handful-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return newHandfulIn(t, dir, "")
}

// newHandfulIn does that in a directory, with a store in another one.
func newHandfulIn(t *testing.T, dir, store string) *handful {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	dir, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	h := &handful{
		rig:    rigOn(t, &testbed.Shop{Dir: dir, Project: testbed.Name("handful")}),
		volume: testbed.Volume(t), spare: testbed.Volume(t), network: passingNetwork(t), other: passingNetwork(t),
	}
	if store != "" {
		h.store = store
	}
	h.standBy()
	h.write("wanted")
	h.web = h.container("--network="+h.network, "--volume="+h.volume+":/v", "--volume="+dir+"/config:/config", "--restart=unless-stopped")
	h.job = h.container("--network="+h.network, "--volume="+h.spare+":/s", "--restart=always")
	h.reader = h.container("--network=none", "--volume="+h.volume+":/v:ro", "--restart=always")
	h.fill("wanted")
	testbed.Exec(t, h.job, "dd", "if=/dev/urandom", "of=/bulk", "bs=64k", "count=1")
	h.inJob = []byte(testbed.Docker(t, "exec", h.job, "head", "-c", "64", "/bulk"))
	h.json(done, "save", "--name", stateWanted)

	testbed.Docker(t, "rm", "--force", h.job)
	testbed.Docker(t, "volume", "rm", h.spare)
	h.extra = h.container("--network="+h.other, "--restart=always")
	h.write("before")
	h.fill("before")
	h.json(done, "save", "--name", stateBefore)
	return h
}

// passingNetwork makes a network that a restore may have removed by the end.
func passingNetwork(t *testing.T) string {
	t.Helper()
	name := testbed.Name("network")
	testbed.Docker(t, "network", "create", testbed.LabelFlag(), name)
	t.Cleanup(func() {
		if testbed.Docker(t, "network", "ls", "--quiet", "--filter", "name="+name) != "" {
			testbed.Docker(t, "network", "rm", name)
		}
	})
	return name
}

func (h *handful) container(options ...string) string {
	h.t.Helper()
	return testbed.Container(h.t, "busybox", append([]string{
		"--label=com.docker.compose.project=" + h.Project, "--label=com.docker.compose.project.working_dir=" + h.Dir,
	}, options...), "sh", "-c", untilStopped)
}

func (h *handful) write(state string) {
	h.t.Helper()
	require.NoError(h.t, os.MkdirAll(h.Path("config"), 0o755))
	for _, name := range []string{"file", "config/app"} {
		require.NoError(h.t, os.WriteFile(h.Path(name), []byte(state), 0o600))
	}
	require.NoError(h.t, os.WriteFile(h.Path("only"+state), incompressible(len(state)<<17), 0o600))
}

// incompressible is content that takes its room on any disk.
func incompressible(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size >> 17)}).Read(content) // never fails
	return content
}

func (h *handful) fill(state string) {
	h.t.Helper()
	testbed.Exec(h.t, h.web, "sh", "-c", "echo "+state+" > /layer; echo "+state+" > /v/file; cp /layer /v/only"+state+"; dd if=/dev/urandom of=/v/bulk bs=1M count=1; dd if=/dev/urandom of=/bulk bs=1M count=1")
}

// standBy has somebody else's things run.
func (h *handful) standBy() {
	h.t.Helper()
	volume, network := testbed.Volume(h.t), testbed.Network(h.t)
	container := testbed.Container(h.t, "busybox", []string{
		"--label=com.docker.compose.project=theirs", "--label=com.docker.compose.project.working_dir=/nowhere", "--restart=always",
		"--network=" + network, "--volume=" + volume + ":/v",
	}, "sh", "-c", "echo theirs > /layer; echo theirs > /v/file; "+untilStopped)
	h.bystander = []string{container, volume, network}
}

// theirs is all that the engine says of somebody else's things.
func (h *handful) theirs() string {
	h.t.Helper()
	said := testbed.Docker(h.t, append([]string{"inspect"}, h.bystander...)...)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(said))) + testbed.Exec(h.t, h.bystander[0], "sh", "-c", "cat /layer /v/file; stat -c %z /layer /v/file")
}

// policies are the restart policies of what is there, by name.
func (h *handful) policies() string {
	h.t.Helper()
	names := testbed.Docker(h.t, "ps", "--all", "--format", "{{.Names}}", "--filter", "label=com.docker.compose.project="+h.Project)
	var all []string
	for _, name := range strings.Fields(names) {
		all = append(all, name+" "+testbed.Inspect(h.t, name, `.State.Status}} {{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount`))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// witness is the state of everything, by what the system and the engine say.
func (h *handful) witness() string {
	h.t.Helper()
	files := testbed.Witness(h.t, h.Dir)
	text := fmt.Sprint(files, "\n", h.policies(), "\n")
	for _, name := range []string{h.volume, h.spare} {
		if testbed.Docker(h.t, "volume", "ls", "--quiet", "--filter", "name="+name) != "" {
			text += fmt.Sprint(testbed.Witness(h.t, testbed.Docker(h.t, "volume", "inspect", "--format", "{{.Mountpoint}}", name)), "\n")
		}
	}
	for _, name := range []string{h.network, h.other} {
		text += testbed.Docker(h.t, "network", "ls", "--format", "{{.Name}}", "--filter", "name="+name) + "\n"
	}
	return text + testbed.Exec(h.t, h.web, "cat", "/layer")
}

// refusesDamage damages content that only a container has which has to be made
// again: that is found before anything stops. It fails if the files of its layer
// are not read beforehand.
func (h *handful) refusesDamage(before string) {
	h.t.Helper()
	packs, err := filepath.Glob(filepath.Join(h.store, "packs", "*.pack"))
	require.NoError(h.t, err)
	hit := 0
	flip := func() {
		for _, path := range packs {
			content, err := os.ReadFile(path)
			require.NoError(h.t, err)
			at := bytes.Index(content, h.inJob[1:])
			if at < 0 {
				continue
			}
			hit++
			content[at] ^= 1
			require.NoError(h.t, os.WriteFile(path, content, 0o600))
		}
	}
	flip()
	require.Equal(h.t, 1, hit, "it is somewhere")
	started := testbed.Inspect(h.t, h.web, ".State.StartedAt")
	refused := h.json(failed, "restore", stateWanted)
	require.Contains(h.t, refused.Error.Message, "container/"+h.job)
	require.Contains(h.t, refused.Error.Message, "damaged")
	require.Contains(h.t, refused.Error.Hint, "dogear check")
	require.Equal(h.t, started, testbed.Inspect(h.t, h.web, ".State.StartedAt"), "nothing was stopped")
	require.Equal(h.t, before, h.witness())
	h.inJob[1] ^= 1
	flip()
	h.dogear(done, "check", "--read-data") // believes it again
}

// killedWithAVolumeThatNothingUses kills it when it has made a volume for a
// container that is not there yet: only its name tells of it. It fails if a
// rollback removes what it finds by its users (kind.Follower).
func (h *handful) killedWithAVolumeThatNothingUses() {
	h.t.Helper()
	require.True(h.t, testbed.SignalWhen(h.t, h.command("restore", stateWanted), unix.SIGKILL, func() bool {
		return h.hasBegun(h.spare) && testbed.Docker(h.t, "volume", "ls", "--quiet", "--filter", "name="+h.spare) != ""
	}))
	require.Empty(h.t, testbed.Docker(h.t, "ps", "--all", "--quiet", "--filter", "name="+h.job))
	h.dogear(done, "recover")
}

// startedMeanwhile has somebody else start a container of which nothing changes,
// while what it uses is restored: it may have read what was half restored, so
// that is taken back. It fails without assertStill, and, as its engine might have
// started it before, without holdBack.
func (h *handful) startedMeanwhile() {
	h.t.Helper()
	cmd := h.command("restore", stateWanted)
	said := h.saidBy(cmd)
	policy, starts := "", 0
	testbed.SignalWhen(h.t, cmd, 0, func() bool {
		if policy == "" && h.hasBegun(h.volume) {
			policy = testbed.Inspect(h.t, h.reader, ".HostConfig.RestartPolicy.Name")
		}
		if starts == 0 && h.hasBegun(h.web) {
			starts++
			testbed.Docker(h.t, "start", h.reader)
		}
		return false
	})
	out := said()
	require.Equal(h.t, "no", policy, "it is held back before anything is touched")
	require.Equal(h.t, failed, cmd.ProcessState.ExitCode(), out)
	require.Contains(h.t, out, "container/"+h.reader+": somebody else has started it")
	require.Contains(h.t, out, "state: the state before was brought back")
}

// terminatedWhileAContainerIsMade has the engine asked for a container by a
// restore that is to end: the rollback has to wait for what comes of that (see
// TestWhatChangesThingsIsNotCutOff).
func (h *handful) terminatedWhileAContainerIsMade() {
	h.t.Helper()
	cmd := h.command("restore", stateWanted)
	said := h.saidBy(cmd)
	require.True(h.t, testbed.SignalWhen(h.t, cmd, unix.SIGTERM, func() bool { return h.hasBegun(h.job) }))
	require.Equal(h.t, interrupted, cmd.ProcessState.ExitCode(), said())
}

// hasBegun reports whether a restore is about to touch something, or has.
func (h *handful) hasBegun(name string) bool {
	journals, _ := filepath.Glob(filepath.Join(h.store, "journal", "*.restore"))
	if len(journals) == 0 {
		return false
	}
	content, err := os.ReadFile(journals[0])
	_, begun, _ := strings.Cut(string(content), `"begun"`)
	return err == nil && strings.Contains(begun, name)
}

// leftByItsUser closes the terminal when the first thing has been touched.
func (h *handful) leftByItsUser() string {
	h.t.Helper()
	terminal := testbed.OnTerminal(h.t, h.command("restore", stateWanted))
	terminal.Await(4*testbedLimit, "the state before is in safety snapshot")
	terminal.Close()
	return h.stateOf(terminal.Wait(), terminal.Shown())
}

// stateOf is the state that an exit code promises.
func (h *handful) stateOf(code int, said string) string {
	if code == done {
		return stateWanted
	}
	require.Equal(h.t, interrupted, code, said)
	return stateBefore
}

// steps counts how often what the journals of a store record becomes another.
type steps struct {
	store string
	last  string
	n     int
}

// next counts, and returns the number of the step that is being done.
func (s *steps) next() int {
	journals, _ := filepath.Glob(filepath.Join(s.store, "journal", "*"))
	state := ""
	for _, path := range journals {
		content, err := os.ReadFile(path)
		if err == nil { // it was not just replaced
			state += filepath.Ext(path) + string(content)
		}
	}
	if state != s.last {
		s.last = state
		s.n++
	}
	return s.n
}

// TestRestoreEndedAtEachStep ends the restore of containers, volumes, networks
// and files right after each of the steps that its journals record (X3), by
// SIGKILL and by SIGTERM, or has somebody else start a member there: what there
// is afterwards is exactly the one state or exactly the other, also as the engine and the system see it, what runs runs
// with the restart policy that it had, and nothing of anybody else was touched
// (X9). It fails if the journal is written after what it announces, and if a
// rollback leaves the restart policies of the restore.
func TestRestoreEndedAtEachStep(t *testing.T) {
	t.Parallel()
	h := newHandful(t)
	theirs := h.theirs()
	states := map[string]string{stateBefore: h.witness()}
	digests := map[string]string{stateBefore: h.state()}

	count := &steps{store: h.store}
	testbed.AtBoundaries(t, h.command("restore", stateWanted), func(int) error { count.next(); return nil })
	states[stateWanted], digests[stateWanted] = h.witness(), h.state()
	h.dogear(done, "restore", stateBefore)
	require.Equal(t, states[stateBefore], h.witness())

	h.refusesDamage(states[stateBefore])
	end := h.leftByItsUser()
	require.Equal(t, states[end], h.witness(), "the terminal was closed: %s", end)
	h.dogear(done, "restore", stateBefore)

	h.startedMeanwhile()
	require.Equal(t, states[stateBefore], h.witness(), "somebody else had started a member")
	h.killedWithAVolumeThatNothingUses()
	require.Equal(t, states[stateBefore], h.witness(), "it was killed when it had made a volume")
	h.terminatedWhileAContainerIsMade()
	require.Equal(t, states[stateBefore], h.witness(), "it was ended when it made a container")

	came := make(map[string]int)
	for _, e := range endsOf(t, count.n) {
		end := h.endedBy(e)
		require.Equal(t, states[end], h.witness(), "%s: %s", e, end)
		require.Equal(t, digests[end], h.state(), "%s: %s", e, end)
		require.Equal(t, theirs, h.theirs(), "somebody else's")
		h.nothingLeftBehind()
		t.Logf("%s: %s", e, end)
		came[fmt.Sprintf("%s → %s", e.what(), end)]++
		if end != stateBefore {
			h.dogear(done, "restore", stateBefore)
		}
	}
	t.Logf("%d steps: %v", count.n, came)
}

// ending is an end that a restore is put to.
type ending struct {
	signal unix.Signal
	step   int
	then   []string // the next command
}

// startsWeb is the signal of an ending in which nothing is ended, but somebody
// else starts a container.
const startsWeb = unix.Signal(0)

func (e ending) what() string {
	if e.signal == startsWeb {
		return "a member is started"
	}
	return e.signal.String()
}

func (e ending) String() string {
	return fmt.Sprintf("%s at step %d, then %v", e.what(), e.step, e.then)
}

// endsOf are all of them in a soak, and otherwise a few.
func endsOf(t *testing.T, steps int) []ending {
	t.Helper()
	require.Greater(t, steps, 15, "a restore has more steps")
	var all []ending
	for i := range steps {
		then := [][]string{{"recover"}, {"recover", "--resume"}, {"list"}}[i%3]
		all = append(all, ending{unix.SIGKILL, i + 1, then}, ending{unix.SIGTERM, i + 1, nil}, ending{startsWeb, i + 1, nil})
	}
	if few := testbed.Points(3); few == 3 {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:few]
	}
	return all
}

// saidBy returns what returns all that a command has said, once it has ended. It
// is a file: whoever copies from a pipe would wait for the watchdog, too.
func (r *rig) saidBy(cmd *exec.Cmd) func() string {
	r.t.Helper()
	file, err := os.CreateTemp(r.t.TempDir(), "said-")
	require.NoError(r.t, err)
	cmd.Stdout, cmd.Stderr = file, file
	return func() string {
		r.t.Helper()
		require.NoError(r.t, file.Close())
		content, err := os.ReadFile(file.Name())
		require.NoError(r.t, err)
		return string(content)
	}
}

// endedBy runs the restore, puts an end to it and says in which state things
// are after the next command.
func (h *handful) endedBy(e ending) string {
	h.t.Helper()
	count := &steps{store: h.store}
	cmd := h.command("restore", stateWanted)
	said := h.saidBy(cmd)
	sent := testbed.SignalWhen(h.t, cmd, e.signal, func() bool {
		is := count.next() >= e.step
		if is && e.signal == startsWeb {
			_ = exec.Command("docker", "start", h.web).Run() // it may be on its way down
		}
		return is
	})
	code := cmd.ProcessState.ExitCode()
	switch {
	case e.signal == startsWeb && code == failed:
		require.Regexp(h.t, "somebody else has started it|while it runs|while these containers run", said(), e)
		return stateBefore
	case e.signal == unix.SIGKILL && sent:
		require.Equal(h.t, -1, code)
		h.dogear(done, e.then...)
	default:
		return h.stateOf(code, said())
	}
	if h.command("verify", stateWanted).Run() == nil {
		return stateWanted
	}
	h.dogear(done, "verify", stateBefore)
	return stateBefore
}

// state is the state digest of the workspace as it is.
func (h *handful) state() string {
	h.t.Helper()
	return h.json(done, "save").Snapshot.State
}
