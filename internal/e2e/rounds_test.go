package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
)

// Random work on the whole stack, and a restore that something befalls at a
// random one of its steps: it ends in exactly the one state or exactly the
// other. A step is whatever the journals record before it is done, so that
// over the rounds every one of them is hit. DOGEAR_SEED repeats a round.
func TestRandomRestoresOfAStack(t *testing.T) {
	t.Parallel()
	testbed.Require(t, "root") // to stop it at a step
	r := newRig(t)
	saved := r.json(done, "save").Snapshot.ID
	steps := 0
	for i, seed := range stackSeeds(t) {
		round := &stackRound{rig: r, Rand: rand.New(rand.NewPCG(seed, 1)), saved: saved, number: i, steps: steps}
		round.run()
		steps = max(steps, round.seen)
		t.Logf("seed %d: %s at step %d: %s", seed, round.fault, round.at, round.end)
	}
	r.nothingLeftBehind()
}

func stackSeeds(t *testing.T) []uint64 {
	if said := os.Getenv("DOGEAR_SEED"); said != "" {
		seed, err := strconv.ParseUint(said, 10, 64)
		require.NoError(t, err)
		return []uint64{seed}
	}
	seeds := make([]uint64, testbed.Points(3))
	for i := range seeds {
		seeds[i] = rand.Uint64()
	}
	return seeds
}

type stackRound struct {
	*rig
	*rand.Rand
	saved  string
	number int
	steps  int // that a restore was seen to have

	fault string
	at    int // the step
	seen  int
	end   string
}

// likelySteps is how many steps a restore is taken to have until one was seen.
const likelySteps = 25

func (r *stackRound) run() {
	r.t.Helper()
	r.work()
	before := r.json(done, "save").Snapshot.ID
	r.at = 1 + r.IntN(max(r.steps, likelySteps))
	faults := []func(*exec.Cmd){r.killed("recover"), r.killed("recover", "--resume"), r.signalled(unix.SIGTERM), r.restarted, r.killed("list"), r.signalled(unix.SIGHUP)}
	which := r.number
	if which >= 2 {
		which = r.IntN(len(faults))
	}
	cmd := r.command("restore", r.saved, "--on-unhealthy", "keep")
	// A file: whoever copies from a pipe would wait for the watchdog, which is traced too.
	said, err := os.Create(filepath.Join(filepath.Dir(r.store), "said"))
	require.NoError(r.t, err)
	cmd.Stdout, cmd.Stderr = said, said
	faults[which](cmd)
	require.NoError(r.t, said.Close())

	r.end = "the state before"
	if r.verifies(r.saved) {
		r.end = "restored"
	} else if !r.verifies(before) {
		require.Fail(r.t, "neither nor", "%s at step %d\n%s\nas it was before:\n%s\nas it was to be:\n%s", r.fault, r.at, testbed.Run(r.t, "cat", said.Name()),
			r.said("verify", before), r.said("verify", r.saved))
	}
	r.nothingLeftBehind()
	r.restoresAsPlanned()
}

// restoresAsPlanned requires of a restore that it does what a dry run says.
func (r *stackRound) restoresAsPlanned() {
	r.t.Helper()
	var dry struct {
		Plan struct {
			Steps       []struct{ Part, Action string }
			Stop, Start []string
		}
	}
	require.NoError(r.t, json.Unmarshal([]byte(r.dogear(done, "restore", r.saved, "--dry-run", "--json")), &dry))
	events := r.watch()
	var did struct {
		Receipt struct {
			Parts []struct{ Part, Method string }
		}
	}
	require.NoError(r.t, json.Unmarshal([]byte(r.dogear(done, "restore", r.saved, "--json")), &did))
	planned, done := map[string]string{}, map[string]string{}
	for _, s := range dry.Plan.Steps {
		planned[s.Part] = s.Action
	}
	for _, p := range did.Receipt.Parts {
		done[p.Part] = p.Method
	}
	require.Equal(r.t, planned, done)
	var want []string
	for _, id := range dry.Plan.Stop {
		want = append(want, "die "+id)
	}
	for _, id := range dry.Plan.Start {
		want = append(want, "start "+id)
	}
	slices.Sort(want)
	testbed.Eventually(r.t, testbedLimit, fmt.Sprint("what happened is ", want), func() bool { return slices.Equal(want, events()) })
}

// watch returns what lists, from now on, the containers of the project that
// die and start. The engine forgets its last events soon, so they are read as
// they come.
func (r *stackRound) watch() func() []string {
	r.t.Helper()
	seen, err := os.CreateTemp(filepath.Dir(r.store), "events-") // the watch of the round before may still write to its own
	require.NoError(r.t, err)
	cmd := exec.Command("docker", "events", "--since", strconv.FormatInt(time.Now().Unix(), 10), "--filter", "event=die", "--filter", "event=start",
		"--filter", "label=com.docker.compose.project="+r.Project, "--format", "{{.Action}} container/{{.Actor.Attributes.name}}")
	cmd.Stdout = seen
	require.NoError(r.t, cmd.Start())
	r.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it never ends by itself
		_ = cmd.Wait()
		require.NoError(r.t, seen.Close())
	})
	return func() []string {
		content, err := os.ReadFile(seen.Name())
		require.NoError(r.t, err)
		lines := strings.Split(strings.TrimSpace(string(content)), "\n")
		slices.Sort(lines)
		return slices.DeleteFunc(slices.Compact(lines), func(l string) bool { return l == "" })
	}
}

func (r *stackRound) verifies(id string) bool { return r.command("verify", id).Run() == nil }

func (r *stackRound) said(args ...string) string {
	out, err := r.command(args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(r.t, err)
	}
	return string(out)
}

// work changes some of the stack.
func (r *stackRound) work() {
	r.t.Helper()
	r.SQL(fmt.Sprintf("update customers set name = name || '%d' where id %% %d = 0", r.IntN(1000), 1+r.IntN(5)))
	require.NoError(r.t, os.WriteFile(r.Path("config/app.yaml"), fmt.Appendf(nil, "round: %d\n", r.Uint64()), 0o644))
	for range 1 + r.IntN(4) {
		switch r.IntN(5) {
		case 0:
			r.Redis("set", "round", strconv.Itoa(r.Int()))
		case 1:
			r.Git("branch", fmt.Sprint("round", r.Uint64()))
		case 2:
			if id := r.Container("worker"); id != "" {
				testbed.Docker(r.t, "rm", "--force", id)
			}
		case 3:
			r.Exec("web", "touch", fmt.Sprintf("/tmp/../etc/round%d", r.IntN(3)))
		case 4:
			require.NoError(r.t, os.WriteFile(r.Path(fmt.Sprintf("new%d", r.IntN(3))), make([]byte, r.IntN(1<<20)), 0o600))
		}
	}
}

// recorded is how many steps the journals record at this moment.
func (r *stackRound) recorded() int {
	lines := 0
	journals, _ := filepath.Glob(filepath.Join(r.store, "journal", "*"))
	for _, path := range journals {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it was just replaced
		}
		lines += bytes.Count(content, []byte("\n"))
		var journal struct{ Begun []string }
		if json.Unmarshal(content, &journal) == nil {
			lines += len(journal.Begun) + 1
		}
	}
	r.seen = max(r.seen, lines)
	return lines
}

// killed kills the restore at the step, and runs a command after it.
func (r *stackRound) killed(then ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		r.fault = fmt.Sprint("killed, then ", then)
		testbed.SignalWhen(r.t, cmd, unix.SIGKILL, func() bool { return r.recorded() >= r.at })
		r.dogear(done, then...)
	}
}

func (r *stackRound) signalled(s unix.Signal) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		r.fault = s.String()
		sent := testbed.SignalWhen(r.t, cmd, s, func() bool { return r.recorded() >= r.at })
		if code := cmd.ProcessState.ExitCode(); sent && code != 0 {
			require.Equal(r.t, 130, code)
		}
	}
}

// restarted has somebody else start a member in the middle.
func (r *stackRound) restarted(cmd *exec.Cmd) {
	r.fault = "a member was started by somebody else"
	id := r.Container([]string{"db", "redis", "web"}[r.IntN(3)])
	once := false
	testbed.SignalWhen(r.t, cmd, 0, func() bool {
		if once || r.recorded() < r.at {
			return false
		}
		once = true
		_ = exec.Command("docker", "start", id).Run() // it may be gone, or run
		return false
	})
}
