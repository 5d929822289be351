package main

import (
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
)

// TestRandomRestoresWithRandomFaults: whatever the workspace was and became,
// and whatever befalls the restore, it ends in exactly the one state or
// exactly the other, and the exit code says in which. DOGEAR_SEED repeats a
// round.
func TestRandomRestoresWithRandomFaults(t *testing.T) {
	d, disk := newRoundDesk(t)
	came := make(map[string]int)
	for _, seed := range roundSeeds(t) {
		r := &round{desk: d, Rand: rand.New(rand.NewPCG(seed, 7)), disk: disk}
		t.Cleanup(func() {
			if !r.over {
				t.Logf("DOGEAR_SEED=%d repeats the round, in which what happened was: %s", seed, r.fault)
			}
		})
		end := r.run()
		came[r.fault+" → "+end]++
		r.over = true
	}
	for _, way := range slices.Sorted(maps.Keys(came)) {
		t.Logf("%4d × %s", came[way], way)
	}
}

func roundSeeds(t *testing.T) []uint64 {
	if said := os.Getenv("DOGEAR_SEED"); said != "" {
		seed, err := strconv.ParseUint(said, 10, 64)
		require.NoError(t, err)
		return []uint64{seed}
	}
	seeds := make([]uint64, testbed.Points(50))
	first := rand.Uint64()
	t.Logf("seeds %d to %d", first, first+uint64(len(seeds))-1)
	for i := range seeds {
		seeds[i] = first + uint64(i)
	}
	return seeds
}

// newRoundDesk is a workspace on a small disk of its own, which can be filled.
func newRoundDesk(t *testing.T) (d *desk, disk string) {
	t.Helper()
	testbed.Require(t, "root") // to mount, and for owners
	disk = t.TempDir()
	require.NoError(t, unix.Mount("dogear-test", disk, "tmpfs", 0, "size=128m,mode=0700"))
	t.Cleanup(func() { testbed.Unmount(t, disk) })
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("DOGEAR_STORE", filepath.Join(dir, "store"))
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "no-engine.sock"))
	d = &desk{t: t, root: filepath.Join(disk, "workspace")}
	d.write("dogear.yaml", "")
	return d, disk
}

// round is one state, another one, and a restore in which something happens.
type round struct {
	*desk
	*rand.Rand
	disk string

	fault string // what happens
	over  bool
}

// The states that a round may end in.
const (
	before = "before" // the restore
	wanted = "wanted"
)

func (r *round) run() (end string) {
	t := r.t
	t.Helper()
	require.NoError(t, os.RemoveAll(r.root))
	r.write("dogear.yaml", "")
	r.work()
	r.work()
	name := fmt.Sprintf("round%d", r.Uint64())
	r.succeeds("save", "--name", name)
	states := map[string]map[string]string{wanted: testbed.Witness(t, r.root)}
	r.work()
	states[before] = testbed.Witness(t, r.root)

	faults := r.faults()
	r.fault = slices.Sorted(maps.Keys(faults))[r.IntN(len(faults))]
	code := faults[r.fault](r.command("restore", name))
	switch {
	case code == unfinished:
		require.Equal(t, "full disk", r.fault, "nothing else keeps a restore from being taken back")
		end = before
	case code >= 0:
		end = r.saidBy(code)
		require.Equal(t, states[end], testbed.Witness(t, r.root), "exit code %d says %s", code, end)
	}
	r.succeeds("recover")
	r.nothingLeft()
	have := testbed.Witness(t, r.root)
	if end == "" && maps.Equal(states[wanted], have) {
		end = wanted
	}
	if end != wanted {
		end = before
		require.Equal(t, states[before], have)
	}
	r.succeeds("check", "--read-data") // and believe again what was damaged only for the time
	r.succeeds("restore", name)
	require.Equal(t, states[wanted], testbed.Witness(t, r.root), "afterwards it can be done")
	r.succeeds("rm", "--force", name)
	r.succeeds("prune")
	return end
}

// unfinished is the exit code of a restore that could not be taken back either,
// and waits for room.
const unfinished = 7

// saidBy is the state that an exit code promises.
func (r *round) saidBy(code int) string {
	if code == 0 {
		return wanted
	}
	require.Contains(r.t, []int{1, 130}, code)
	return before
}

// faults are what may happen to the restore that a command is. Each runs the
// command and returns its exit code, -1 if it was killed.
func (r *round) faults() map[string]func(*exec.Cmd) int {
	return map[string]func(*exec.Cmd) int{
		"nothing":        r.ends,
		"kill":           r.signalled(unix.SIGKILL, r.moment()),
		"terminate":      r.signalled(unix.SIGTERM, r.moment()),
		"terminal gone":  r.signalled(unix.SIGHUP, r.moment()),
		"Ctrl-C twice":   r.twice(unix.SIGINT),
		"full disk":      r.onFullDisk,
		"damaged store":  r.fromDamagedStore,
		"immutable file": r.withImmutable,
	}
}

// moment is a number of writes, most often a small one: a restore writes some
// hundred times.
func (r *round) moment() int { return 1 << r.IntN(9) * (1 + r.IntN(4)) / 2 }

func (r *round) ends(cmd *exec.Cmd) int {
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		require.NoError(r.t, err)
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		require.Contains(r.t, string(out), "state:", "an error says in which state things are")
		return code
	}
	return 0
}

func (r *round) signalled(s unix.Signal, moments ...int) func(*exec.Cmd) int {
	return func(cmd *exec.Cmd) int {
		testbed.SignalAt(r.t, cmd, s, moments...)
		return cmd.ProcessState.ExitCode()
	}
}

func (r *round) twice(s unix.Signal) func(*exec.Cmd) int {
	first := r.moment()
	return r.signalled(s, first, first+1+r.IntN(20))
}

// onFullDisk leaves little space on the workspace's disk.
func (r *round) onFullDisk(cmd *exec.Cmd) int {
	ballast := filepath.Join(r.disk, "ballast")
	var st unix.Statfs_t
	require.NoError(r.t, unix.Statfs(r.disk, &st))
	leave := int64(r.IntN(1 << 20))
	f, err := os.Create(ballast)
	require.NoError(r.t, err)
	require.NoError(r.t, unix.Fallocate(int(f.Fd()), 0, 0, max(int64(st.Bavail)*st.Bsize-leave, 1)))
	require.NoError(r.t, f.Close())
	code := r.ends(cmd)
	require.NoError(r.t, os.Remove(ballast))
	return code
}

// fromDamagedStore flips a byte of a pack, and back again.
func (r *round) fromDamagedStore(cmd *exec.Cmd) int {
	packs, err := filepath.Glob(filepath.Join(os.Getenv("DOGEAR_STORE"), "packs", "*.pack"))
	require.NoError(r.t, err)
	path := packs[r.IntN(len(packs))]
	info, err := os.Stat(path)
	require.NoError(r.t, err)
	at := r.Int64N(info.Size())
	flip := func() {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(r.t, err)
		b := make([]byte, 1)
		_, err = f.ReadAt(b, at)
		require.NoError(r.t, err)
		b[0] ^= 0x10
		_, err = f.WriteAt(b, at)
		require.NoError(r.t, err)
		require.NoError(r.t, f.Close())
	}
	flip()
	code := r.ends(cmd)
	flip()
	return code
}

// withImmutable makes a file such that nobody can change it.
func (r *round) withImmutable(cmd *exec.Cmd) int {
	path := filepath.Join(r.root, r.name())
	if err := exec.Command("chattr", "+i", path).Run(); err != nil {
		return r.ends(cmd) // there is no such file
	}
	code := r.ends(cmd)
	require.NoError(r.t, exec.Command("chattr", "-i", path).Run())
	return code
}

func (r *round) name() string {
	return filepath.Join(fmt.Sprintf("dir%d", r.IntN(4)), fmt.Sprintf("entry%d", r.IntN(8)))
}

// work changes the workspace in some of the ways in which people do.
func (r *round) work() {
	r.t.Helper()
	for range 1 + r.IntN(25) {
		path := filepath.Join(r.root, r.name())
		require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch r.IntN(9) {
		case 0:
			require.NoError(r.t, os.RemoveAll(filepath.Dir(path)))
		case 1:
			require.NoError(r.t, os.RemoveAll(path))
			require.NoError(r.t, os.Symlink("../"+r.name(), path))
		case 2:
			require.NoError(r.t, os.RemoveAll(path))
			require.NoError(r.t, os.MkdirAll(filepath.Join(path, "deep", "er"), 0o700))
		case 3:
			r.link(path)
		case 4:
			r.data()
		case 5:
			r.attributes(path)
		default:
			require.NoError(r.t, os.RemoveAll(path))
			size := []int{0, 1, 700, 9000, 200_000, 1 << 20}[r.IntN(6)]
			line := fmt.Sprintf("%x\n", r.Uint64())
			require.NoError(r.t, os.WriteFile(path, []byte(strings.Repeat(line, size/len(line)+1)), 0o644))
		}
	}
}

// link makes a further name for a file.
func (r *round) link(path string) {
	first := filepath.Join(r.root, r.name())
	info, err := os.Lstat(first)
	if err != nil || !info.Mode().IsRegular() || first == path {
		return
	}
	require.NoError(r.t, os.RemoveAll(path))
	require.NoError(r.t, os.Link(first, path))
}

func (r *round) attributes(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSymlink != 0 {
		return
	}
	require.NoError(r.t, os.Chown(path, r.IntN(3), r.IntN(3)))
	require.NoError(r.t, unix.Chmod(path, []uint32{0o600, 0o755, 0o4755, 0o1777}[r.IntN(4)]))
	require.NoError(r.t, unix.UtimesNanoAt(unix.AT_FDCWD, path,
		[]unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: r.Int64N(2e9), Nsec: r.Int64N(1e9)}}, 0))
}

// data adds rows to a database.
func (r *round) data() {
	db, err := sql.Open("sqlite", filepath.Join(r.root, "data.db"))
	require.NoError(r.t, err)
	for _, statement := range []string{
		"PRAGMA journal_mode = " + []string{"wal", "delete"}[r.IntN(2)],
		"CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body TEXT)",
		fmt.Sprintf("INSERT INTO rows (body) VALUES (hex(randomblob(%d)))", 1+r.IntN(5000)),
	} {
		_, err := db.Exec(statement)
		require.NoError(r.t, err)
	}
	require.NoError(r.t, db.Close())
}
