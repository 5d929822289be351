package tree_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
)

// dirStore is a store that a child process can read, too: a file per chunk.
type dirStore string

func (s dirStore) path(id kind.ChunkID) string { return filepath.Join(string(s), id.String()) }

func (s dirStore) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	known := make([]bool, len(ids))
	for i, id := range ids {
		_, err := os.Stat(s.path(id))
		known[i] = err == nil
	}
	return known, nil
}

func (s dirStore) Put(_ context.Context, content []byte) (kind.ChunkID, error) {
	id := kind.Sum(content)
	return id, os.WriteFile(s.path(id), content, 0o600)
}

func (s dirStore) Get(_ context.Context, id kind.ChunkID, _ []byte) ([]byte, error) {
	return os.ReadFile(s.path(id))
}

// fatalSource kills the process when a certain chunk is fetched.
type fatalSource struct {
	kind.Source
	left atomic.Int64
}

func (s *fatalSource) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	if s.left.Add(-1) == 0 {
		if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
			return nil, err
		}
		select {}
	}
	return s.Source.Get(ctx, id, buf)
}

// task is what a child process is told to do.
type task struct {
	Root     string
	Store    dirStore
	Manifest kind.Object
	Fatal    int64 // number of the chunk to die at; 0: none
	InPlace  []kind.Pattern
}

const taskVariable = "DOGEAR_TREE_TEST_APPLY"

// TestMain lets this binary be the child process.
func TestMain(m *testing.M) {
	if encoded := os.Getenv(taskVariable); encoded != "" {
		if err := child(encoded); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(encoded string) error {
	var job task
	if err := json.Unmarshal([]byte(encoded), &job); err != nil {
		return err
	}
	source := &fatalSource{Source: job.Store}
	source.left.Store(job.Fatal)
	_, err := tree.New(job.Root).Apply(context.Background(), tree.Options{InPlace: job.InPlace}, job.Manifest, source)
	return err
}

// run runs a task in a child process, which is killed after the given time.
func (job task) run(t *testing.T, kill time.Duration) error {
	t.Helper()
	encoded, err := json.Marshal(job)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), kill)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), taskVariable+"="+string(encoded))
	return cmd.Run()
}

// many makes a tree of many files; two of different seeds differ in most.
func many(t *testing.T, root string, seed int) {
	t.Helper()
	for i := range 300 {
		dir := filepath.Join(root, "many", strconv.Itoa((i*seed)%17))
		require.NoError(t, os.MkdirAll(dir, 0o755))
		path := filepath.Join(dir, strconv.Itoa(i))
		require.NoError(t, os.WriteFile(path, []byte(fmt.Sprint("content ", i%seed)), 0o644))
		if i%7 == 0 {
			require.NoError(t, os.Link(path, path+"-linked"))
		}
	}
}

// An Apply that was killed anywhere is completed by the next one, which
// leaves nothing behind.
func TestKilledApply(t *testing.T) {
	t.Parallel()
	store := dirStore(t.TempDir())
	wanted := filepath.Join(t.TempDir(), "tree")
	fill(t, wanted)
	many(t, wanted, 5)
	result := captureTree(t, wanted, tree.Options{}, store)
	want := liveFacts(t, wanted, tree.Options{})

	start := time.Now()
	job := task{Root: filepath.Join(t.TempDir(), "whole"), Store: store, Manifest: result.Manifest}
	require.NoError(t, job.run(t, time.Minute))
	whole := time.Since(start)

	killed, points := 0, testbed.Points(40)
	for i := range points {
		job.Root = filepath.Join(t.TempDir(), "tree")
		require.NoError(t, os.Mkdir(job.Root, 0o700))
		many(t, job.Root, 3)
		job.Fatal = 0
		after := whole * time.Duration(i) / time.Duration(points/2)
		if i%2 == 0 {
			job.Fatal, after = int64(3+i*288/points), time.Minute
		}
		if job.run(t, after) != nil {
			killed++
		}
		apply(t, job.Root, tree.Options{}, result.Manifest, store)
		require.Equal(t, want, liveFacts(t, job.Root, tree.Options{}))
		require.Empty(t, leftovers(t, job.Root))
	}
	require.Greater(t, killed, points/3, "most children are killed")
	t.Logf("%d of %d children were killed on the way", killed, points)
}

func leftovers(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if matched, _ := filepath.Match(".dogear-*", filepath.Base(path)); matched {
			found = append(found, path)
		}
		return err
	}))
	return found
}
