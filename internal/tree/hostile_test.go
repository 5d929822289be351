package tree_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// plantingSource swaps a directory for a link that leads out of the tree while
// content of a file is being fetched: the tree was looked at by then.
type plantingSource struct {
	kind.Source
	plant func() error
}

func (s *plantingSource) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	content, err := s.Source.Get(ctx, id, buf)
	if err != nil || !bytes.HasPrefix(content, []byte(fromManifest)) {
		return content, err
	}
	return content, s.plant()
}

const fromManifest = "from the manifest: "

// It fails if directories are opened by following links (open): what is in the
// directory that the link leads to is given the attributes of the tree's.
func TestPlantedLinkDoesNotLeadOut(t *testing.T) {
	store := kindtest.NewMemory()
	wanted := filepath.Join(t.TempDir(), "tree")
	require.NoError(t, os.MkdirAll(filepath.Join(wanted, "d/e"), 0o755))
	for _, name := range []string{"d/one", "d/two", "d/e/three", "z"} {
		require.NoError(t, os.WriteFile(filepath.Join(wanted, name), []byte(fromManifest+name), 0o644))
	}
	manifest := captureTree(t, wanted, tree.Options{}, store).Manifest

	for _, swapped := range []string{"d", "d/e"} {
		outside := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(outside, "e"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(outside, "one"), []byte("mine"), 0o600))
		before := kindtest.Inodes(t, outside)

		root := filepath.Join(t.TempDir(), "tree")
		require.NoError(t, os.MkdirAll(filepath.Join(root, "d/e"), 0o755))
		plant := sync.OnceValue(func() error {
			path := filepath.Join(root, swapped)
			return errors.Join(os.Rename(path, filepath.Join(root, "moved")), os.Symlink(outside, path))
		})
		source := &plantingSource{Source: store, plant: plant}
		_, err := tree.New(root).Apply(t.Context(), tree.Options{}, manifest, source)
		require.NoError(t, plant())
		t.Log(err)
		require.Equal(t, before, kindtest.Inodes(t, outside))

		// Without the attacker the same tree comes out right.
		apply(t, root, tree.Options{}, manifest, store)
		require.Equal(t, liveFacts(t, wanted, tree.Options{}), liveFacts(t, root, tree.Options{}))
		require.Equal(t, before, kindtest.Inodes(t, outside))
	}
}

func TestLinksAreNeverFollowed(t *testing.T) {
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("mine"), 0o600))
	before := kindtest.Inodes(t, outside)
	root := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "out")))
	store := kindtest.NewMemory()
	result := captureTree(t, root, tree.Options{}, store)
	for e, err := range result.Entries {
		require.NoError(t, err)
		require.NotContains(t, e.Path, "secret")
	}
	copied := filepath.Join(t.TempDir(), "copy")
	apply(t, copied, tree.Options{}, result.Manifest, store)
	// A tree without the link is restored over one with it, and the reverse.
	empty := captureTree(t, t.TempDir(), tree.Options{}, store).Manifest
	apply(t, copied, tree.Options{}, empty, store)
	apply(t, copied, tree.Options{}, result.Manifest, store)
	require.Equal(t, before, kindtest.Inodes(t, outside))

	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(outside, link))
	_, err := tree.New(link).Apply(t.Context(), tree.Options{}, empty, store)
	require.Error(t, err, "a root that is a link")
	require.Equal(t, before, kindtest.Inodes(t, outside))
}

// A source checks each chunk against its id. What still can be wrong is that
// chunks do not fit their file.
func TestChunksThatDoNotFitAreFoundOut(t *testing.T) {
	store := kindtest.NewMemory()
	wanted := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(wanted, "big"), make([]byte, 300_000), 0o600))
	sparse(t, filepath.Join(wanted, "sparse"))
	manifest := captureTree(t, wanted, tree.Options{}, store).Manifest
	for want, change := range map[string]func([]byte) []byte{
		"too short": func(b []byte) []byte { return b[:len(b)-1] },
		"too long":  func(b []byte) []byte { return append(b, 0) },
	} {
		root := filepath.Join(t.TempDir(), "copy")
		_, err := tree.New(root).Apply(t.Context(), tree.Options{}, manifest, misfit{store, change})
		require.ErrorContains(t, err, want)
		require.NoFileExists(t, filepath.Join(root, "big"))
		require.Empty(t, leftovers(t, root))
	}
}

// misfit changes the length of large chunks.
type misfit struct {
	kind.Source
	change func([]byte) []byte
}

func (s misfit) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	b, err := s.Source.Get(ctx, id, buf)
	if len(b) > 10_000 {
		b = s.change(b)
	}
	return b, err
}

// Without /proc no extended attribute can be read but those of open files.
// That must not look as if the others were gone.
func TestWithoutProcNothingLooksGone(t *testing.T) {
	testbed.Require(t, "mounts")
	const variable = "DOGEAR_TREE_TEST_NO_PROC"
	if os.Getenv(variable) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), variable+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "file"), "content")
	require.NoError(t, os.Symlink("file", filepath.Join(root, "link")))
	require.NoError(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	require.NoError(t, unix.Mount("none", "/proc", "tmpfs", 0, ""))
	result := captureTree(t, root, tree.Options{}, kindtest.NewMemory())
	require.Len(t, result.Gaps, 2)
}
