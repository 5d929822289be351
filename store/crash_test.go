package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// What a child process is to do, in its environment.
const (
	childDir  = "DOGEAR_TEST_STORE"
	childKill = "DOGEAR_TEST_KILL" // step to die at, or "" to go on for ever
)

// TestMain lets this binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childKill)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child saves one snapshot after another, and says so, until it dies.
func child(dir, killAt string) error {
	s, err := store.Open(dir, store.Options{Command: childCommand})
	if err != nil {
		return err
	}
	killAt, pruning := strings.CutPrefix(killAt, "prune ")
	s.OnStep(func(step string) {
		if step == killAt {
			die()
		}
	})
	if pruning {
		_, err := s.Prune(context.Background(), store.PruneOptions{})
		return err
	}
	if strings.HasPrefix(killAt, "deletion") {
		return s.Delete(context.Background(), numberedID(1))
	}
	if killAt == "annotated" {
		note := "from the child"
		return s.Annotate(context.Background(), numberedID(0), snapshot.Annotation{Note: &note})
	}
	list, err := s.Snapshots(context.Background(), "")
	if err != nil {
		return err
	}
	for n := len(list); ; n++ {
		if err := saveNumbered(s, n, killAt); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// numbered returns the contents of the n-th snapshot, which has something in
// common with the others.
func numbered(n int) [][]byte {
	return [][]byte{text(1, 30<<10), text(n, 200<<10), random(uint64(n), 700<<10), []byte(strconv.Itoa(n))}
}

// bulk returns more than fits into one pack.
func bulk() [][]byte {
	var contents [][]byte
	for i := range 33 {
		contents = append(contents, random(uint64(1000+i), 2<<20))
	}
	return contents
}

func numberedID(n int) snapshot.ID { return snapshot.ID(fmt.Sprintf("%06d", n)) }

func saveNumbered(s *store.Store, n int, killAt string) (err error) {
	t := &failure{}
	defer func() {
		if recover() != nil {
			err = t.err
		}
	}()
	contents := numbered(n)
	if killAt == "moved" { // between two packs
		contents = append(contents, bulk()...)
	}
	session := begin(t, s)
	snap := newSnapshot(t, session, numberedID(n), contents...)
	if killAt == "put" {
		die()
	}
	return session.Commit(context.Background(), snap)
}

// failure lets the child use what tests use.
type failure struct {
	testing.TB
	err error
}

func (f *failure) Helper()                  {}
func (f *failure) Context() context.Context { return context.Background() }
func (f *failure) Errorf(format string, args ...any) {
	f.err = errors.Join(f.err, fmt.Errorf(format, args...))
}
func (f *failure) FailNow() { panic(f.err) }

func childProcess(dir, killAt string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childKill+"="+killAt)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestKilledInACommitIsOldOrNew(t *testing.T) {
	steps := []struct {
		name  string
		newer bool // durable by then: the next open finishes it
	}{
		{"put", false}, {"sealed", false}, {"verified", false}, {"moved", false},
		{"durable", false}, {"recorded", true}, {"listed", true},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			dir := newDir(t)
			s, err := store.Open(dir, store.Options{})
			require.NoError(t, err)
			require.NoError(t, saveNumbered(s, 0, ""))
			require.NoError(t, s.Close())

			out, err := childProcess(dir, step.name).Output()
			requireKilled(t, err)
			require.Empty(t, out, "it must die before the commit is over")

			s = storetest.OpenAt(t, dir)
			requireEmptyDirs(t, s, "incoming")
			saved := 1
			if step.newer {
				saved = 2
			}
			requireNumbered(t, s, saved)
			require.NoError(t, saveNumbered(s, saved, ""), "it goes on working")
		})
	}
}

func requireKilled(t testing.TB, err error) {
	t.Helper()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.Equal(t, syscall.SIGKILL, status.Signal())
}

// requireNumbered wants exactly the first n snapshots, with their content.
func requireNumbered(t testing.TB, s *store.Store, n int) {
	t.Helper()
	list, err := s.Snapshots(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, list, n)
	for i := range n {
		require.Equal(t, numberedID(n-1-i), list[i].ID)
		requireContent(t, s, numbered(i)...)
	}
}

func TestKilledAtAnyTimeLosesNothingThatWasSaved(t *testing.T) {
	dir := newDir(t)
	saved := 0
	for range 8 {
		cmd := childProcess(dir, "")
		saved = max(saved, runAndKill(t, cmd, 1+rand.IntN(3))+1)

		s, err := store.Open(dir, store.Options{})
		require.NoError(t, err)
		storetest.Check(t, s)
		list, err := s.Snapshots(t.Context(), "")
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(list), saved)
		requireNumbered(t, s, len(list))
		require.NoError(t, s.Close())
	}
}

// runAndKill kills the process at a random moment after it has said so many
// numbers, and returns the last one.
func runAndKill(t testing.TB, cmd *exec.Cmd, lines int) (last int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	scanner := bufio.NewScanner(out)
	for n := 0; scanner.Scan(); n++ {
		last, err = strconv.Atoi(strings.TrimSpace(scanner.Text()))
		require.NoError(t, err)
		if n == lines {
			time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
	}
	requireKilled(t, cmd.Wait())
	return last
}
