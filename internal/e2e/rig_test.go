package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// Exit codes of the command line.
const (
	done        = 0
	failed      = 1
	usage       = 2
	differences = 3
	busy        = 4
	notFound    = 5
	unhealthy   = 6
	unfinished  = 7
	interrupted = 130
)

// build makes the binary and the sample's programs once for all tests. Tests that
// have a whole sample of their own run side by side: they mostly wait.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "dogear-e2e-")
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return "", err
	}
	shop := filepath.Join("testdata", "workspaces", "shop")
	for out, source := range map[string]string{
		"dogear": filepath.Join("cmd", "dogear"), "src": filepath.Join(shop, "src"), "analytics": filepath.Join(shop, "analytics"),
	} {
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, out), "./"+source)
		build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			return "", errors.New(string(text))
		}
	}
	if err := os.Setenv("SHOP_PROGRAMS", dir); err != nil { // the sample takes them from there
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := build(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func programs(t testing.TB) string {
	t.Helper()
	dir, err := build()
	require.NoError(t, err)
	return dir
}

// rig is a workspace with a store of its own.
type rig struct {
	*testbed.Shop
	t     testing.TB
	store string
	as    *user.User // who runs the commands; nil: who runs the tests
	away  *away      // the commands run as on another host than the engine; nil: on the same one
}

// newRig lays out the whole sample workspace and starts it.
func newRig(t testing.TB) *rig {
	t.Helper()
	programs(t)
	r := rigOn(t, testbed.NewShop(t))
	r.Up()
	return r
}

// rigOn uses a short path for the store: its socket's name is limited.
func rigOn(t testing.TB, shop *testbed.Shop) *rig {
	t.Helper()
	store, err := os.MkdirTemp("", "store-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(store)) })
	return &rig{Shop: shop, t: t, store: filepath.Join(store, "s")}
}

func (r *rig) command(args ...string) *exec.Cmd {
	r.t.Helper()
	cmd := r.away.command(filepath.Join(programs(r.t), "dogear"), args...)
	cmd.Dir = r.Dir
	cmd.Env = append(cmd.Environ(), "DOGEAR_STORE="+r.store, "XDG_CONFIG_HOME="+filepath.Dir(r.store))
	if r.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: r.credential()}
		cmd.Env = append(cmd.Env, "HOME="+r.as.HomeDir)
	}
	return cmd
}

// credential has all groups of the user: one of them may use the engine.
func (r *rig) credential() *syscall.Credential {
	r.t.Helper()
	number := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		require.NoError(r.t, err)
		return uint32(n)
	}
	groups, err := r.as.GroupIds()
	require.NoError(r.t, err)
	c := &syscall.Credential{Uid: number(r.as.Uid), Gid: number(r.as.Gid)}
	for _, g := range groups {
		c.Groups = append(c.Groups, number(g))
	}
	return c
}

// dogear runs a command, requires its exit code, and returns what it printed.
func (r *rig) dogear(exit int, args ...string) string {
	r.t.Helper()
	cmd := r.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exitErr *exec.ExitError
	if err != nil && !errors.As(err, &exitErr) {
		require.NoError(r.t, err)
	}
	require.Equal(r.t, exit, cmd.ProcessState.ExitCode(), "dogear %q\n%s%s", args, stdout.String(), stderr.String())
	return stdout.String()
}

// json runs a command with --json and decodes what it printed.
func (r *rig) json(exit int, args ...string) result {
	r.t.Helper()
	out := r.dogear(exit, append(args, "--json")...)
	var res result
	require.NoError(r.t, json.Unmarshal([]byte(out), &res), out)
	return res
}

// result is as much of all JSON documents as the tests look at.
type result struct {
	Snapshot struct {
		ID, State, Consistency string
	}
	Bytes   struct{ Read, Added, Streamed int64 }
	Timings struct {
		FreezeMS  int64 `json:"freeze_ms"`
		OutageMS  int64 `json:"outage_ms"`
		HealthyMS int64 `json:"healthy_ms"`
		TotalMS   int64 `json:"total_ms"`
	}
	Parts       []struct{ ID, Fidelity string }
	NotCaptured []struct{ Part, What, Why string } `json:"not_captured"`
	Identical   bool
	Differences []difference
	Receipt     struct {
		Identical     bool
		Differences   []difference
		NotComparable []struct{ Part, What, Why string } `json:"not_comparable"`
		Kept          []struct{ Part, What string }
		Streamed      int64
		Want, Have    string
		Parts         []struct{ Part, Method, Running string }
	}
	Safety string
	Error  struct{ Code, Message, Hint, State string }
}

type difference struct{ Part, Fact, Want, Have, Half string }

// facts lists what differs, as "part fact".
func (r result) facts() []string {
	var out []string
	for _, d := range r.Differences {
		out = append(out, d.Part+" "+d.Fact)
	}
	return out
}

// identical requires a receipt to say so.
func (r result) identical(t testing.TB) {
	t.Helper()
	require.True(t, r.Receipt.Identical, "%+v", r.Receipt.Differences)
	require.Empty(t, r.Receipt.NotComparable)
	if len(r.Receipt.Kept) == 0 {
		require.Equal(t, r.Receipt.Want, r.Receipt.Have)
	}
}

// notCaptured lists the parts of which something was not captured.
func (r result) notCaptured() []string {
	var out []string
	for _, gap := range r.NotCaptured {
		out = append(out, gap.Part)
	}
	return out
}

// fidelity returns that of a part.
func (r result) fidelity(part string) string {
	for _, p := range r.Parts {
		if p.ID == part {
			return p.Fidelity
		}
	}
	return "no such part"
}

// exact requires that no part was captured with reduced fidelity.
func (r result) exact(t testing.TB) {
	t.Helper()
	require.NotEmpty(t, r.Parts)
	for _, p := range r.Parts {
		require.Empty(t, p.Fidelity, p.ID)
	}
}

// kept lists what a resume has kept, or named.
func (r result) kept() []string {
	var out []string
	for _, k := range r.Receipt.Kept {
		out = append(out, k.What)
	}
	return out
}
