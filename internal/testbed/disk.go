package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Disk is a disk whose power can be cut. What a file system has not yet written to it is not there afterwards; what
// it has written is, since the disk has no cache of its own.
type Disk struct {
	Dir   string // an empty directory in the file system on the disk
	kind  string
	image string // the disk's content, in a file system that can clone it in one instant
	cuts  int
}

// NewDisk makes a disk of so many bytes with a file system of the given kind (ext4, xfs), mounted for the length of the
// test.
func NewDisk(t testing.TB, kind string, size int64) *Disk {
	t.Helper()
	Require(t, "mounts", "xfs", kind)
	d := &Disk{kind: kind, image: filepath.Join(Filesystem(t, "xfs", 2<<30), "disk")}
	require.NoError(t, os.WriteFile(d.image, nil, 0o600))
	require.NoError(t, os.Truncate(d.image, size))
	maker := makers[kind]
	Run(t, maker[0], append(maker[1:len(maker):len(maker)], d.image)...)
	d.Dir = filepath.Join(d.mount(t, d.image), "dir")
	require.NoError(t, os.Mkdir(d.Dir, 0o700))
	Run(t, "sync", "-f", d.Dir)
	return d
}

func (d *Disk) mount(t testing.TB, image string) string {
	t.Helper()
	options := "loop"
	if d.kind == "xfs" {
		options += ",nouuid" // the clones are called the same
	}
	mounted := t.TempDir()
	Run(t, "mount", "-t", d.kind, "-o", options, image, mounted)
	t.Cleanup(func() { Unmount(t, mounted) })
	return mounted
}

// Cut returns what would be on the disk if the power went now. It may be called while something writes.
func (d *Disk) Cut() (image string, err error) {
	d.cuts++
	image = fmt.Sprintf("%s.%d", d.image, d.cuts)
	if out, err := exec.Command("cp", "--reflink=always", d.image, image).CombinedOutput(); err != nil {
		return "", fmt.Errorf("clone the disk: %w (%s)", err, out)
	}
	return image, nil
}

// Boot mounts what a cut left, which repairs the file system, and returns the directory that was Dir.
func (d *Disk) Boot(t testing.TB, image string) string {
	t.Helper()
	return filepath.Join(d.mount(t, image), "dir")
}
