package kindtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// PlantTree makes a directory with something of everything for TreeMutations
// to change. dir must not exist.
func PlantTree(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	for _, name := range []string{"file", "other", "twin1", "twin2", "hard1"} {
		write(t, filepath.Join(dir, name), "content of a file\n")
		setTimes(t, filepath.Join(dir, name), past())
	}
	write(t, filepath.Join(dir, "name \xff\n"), "bytes")
	require.NoError(t, os.Link(filepath.Join(dir, "hard1"), filepath.Join(dir, "hard2")))
	require.NoError(t, os.Symlink("file", filepath.Join(dir, "link")))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	require.NoError(t, unix.Setxattr(filepath.Join(dir, "other"), "user.dogear", []byte("before"), 0))
}

// Plain names the facts of a tree by their paths.
func Plain(path string) string { return path }

// TreeMutations returns every change of the equality contract, one at a time,
// to a tree that PlantTree has made at root/rel. name gives the printable name
// of the fact about a path relative to root. Changes that need root are left
// out without it. What is not touched on purpose (the times of the directory
// that something is added to) keeps its state, so that one fact differs.
func TreeMutations(root, rel string, name func(path string) string) []Mutation {
	p := planted{root: root, rel: rel, name: name}
	mutations := p.contents()
	mutations = append(mutations, p.attributes()...)
	mutations = append(mutations, p.links()...)
	mutations = append(mutations, p.entries()...)
	if os.Geteuid() == 0 {
		mutations = append(mutations, p.privileged()...)
	}
	return mutations
}

// planted makes mutations of a planted tree.
type planted struct {
	root, rel string
	name      func(string) string
}

func (p planted) path(name string) string { return filepath.Join(p.root, p.rel, name) }

// change is a mutation after which exactly one fact differs. The times of the
// planted directory are put back after it.
func (p planted) change(title, entry, how string, do func(t *testing.T, path string)) Mutation {
	want := map[string]string{p.name(p.rel + "/" + entry): how}
	return Mutation{Name: title, Want: want, WantRest: want, Do: func(t *testing.T) {
		times := timesOf(t, p.path(""))
		do(t, p.path(entry))
		setTimes(t, p.path(""), times)
	}}
}

func (p planted) contents() []Mutation {
	return []Mutation{
		p.change("content of the same size and time", "file", "sha256", func(t *testing.T, path string) {
			keepingTimes(t, path, func() { write(t, path, "c0ntent of a file\n") })
		}),
		p.change("size", "file", "size sha256", func(t *testing.T, path string) {
			keepingTimes(t, path, func() { write(t, path, "content of a file\n\n") })
		}),
		p.change("emptied", "file", "size sha256", func(t *testing.T, path string) {
			keepingTimes(t, path, func() { write(t, path, "") })
		}),
	}
}

func (p planted) attributes() []Mutation {
	return []Mutation{
		p.change("mode", "file", "mode", func(t *testing.T, path string) { chmod(t, path, 0o600) }),
		p.change("executable", "file", "mode", func(t *testing.T, path string) { chmod(t, path, 0o755) }),
		p.change("read-only", "file", "mode", func(t *testing.T, path string) { chmod(t, path, 0o400) }),
		p.change("setuid", "file", "mode", func(t *testing.T, path string) { chmod(t, path, 0o4644) }),
		p.change("setgid of a directory", "empty", "mode", func(t *testing.T, path string) { chmod(t, path, 0o2755) }),
		p.change("sticky directory", "empty", "mode", func(t *testing.T, path string) { chmod(t, path, 0o1755) }),
		p.change("a nanosecond", "file", "mtime", func(t *testing.T, path string) {
			times := past()
			times[1].Nsec++
			setTimes(t, path, times)
		}),
		p.change("before 1970", "file", "mtime", func(t *testing.T, path string) {
			setTimes(t, path, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: -1, Nsec: 5}})
		}),
		p.change("time of a link", "link", "mtime", func(t *testing.T, path string) { setTimes(t, path, past()) }),
		p.change("time of a directory", "empty", "mtime", func(t *testing.T, path string) { setTimes(t, path, past()) }),
		p.change("attribute added", "file", "xattr.user.dogear", func(t *testing.T, path string) {
			require.NoError(t, unix.Setxattr(path, "user.dogear", []byte("new"), 0))
		}),
		p.change("attribute changed", "other", "xattr.user.dogear", func(t *testing.T, path string) {
			require.NoError(t, unix.Setxattr(path, "user.dogear", []byte("after"), 0))
		}),
		p.change("attribute removed", "other", "xattr.user.dogear", func(t *testing.T, path string) {
			require.NoError(t, unix.Removexattr(path, "user.dogear"))
		}),
		p.change("default ACL of a directory", "empty", "xattr.system.posix_acl_default", func(t *testing.T, path string) {
			require.NoError(t, unix.Setxattr(path, "system.posix_acl_default", acl(), 0))
		}),
	}
}

func (p planted) links() []Mutation {
	return []Mutation{
		p.change("target of a link", "link", "target", func(t *testing.T, path string) {
			times := timesOf(t, path)
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Symlink("/nowhere", path))
			setTimes(t, path, times)
		}),
		p.change("hard link broken", "hard2", "link", func(t *testing.T, path string) {
			times := timesOf(t, path)
			require.NoError(t, os.Remove(path))
			write(t, path, "content of a file\n")
			setTimes(t, path, times)
		}),
		p.change("hard link made", "twin2", "link", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Link(p.path("twin1"), path))
		}),
	}
}

func (p planted) entries() []Mutation {
	return []Mutation{
		p.change("file to link", "file", "type", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Symlink("other", path))
		}),
		p.change("directory to file", "empty", "type", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			write(t, path, "")
		}),
		p.change("file to directory", "file", "type", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o755))
		}),
		p.change("file added", "added", "added", func(t *testing.T, path string) { write(t, path, "new") }),
		p.change("directory added", "added", "added", func(t *testing.T, path string) {
			require.NoError(t, os.Mkdir(path, 0o755))
		}),
		p.change("fifo added", "added", "added", func(t *testing.T, path string) {
			require.NoError(t, unix.Mkfifo(path, 0o600))
		}),
		p.change("socket added", "added", "added", func(t *testing.T, path string) {
			require.NoError(t, unix.Mknod(path, unix.S_IFSOCK|0o600, 0))
		}),
		p.change("file removed", "file", "removed", remove),
		p.change("link removed", "link", "removed", remove),
		p.change("fifo removed", "fifo", "removed", remove),
		p.change("empty directory removed", "empty", "removed", remove),
		p.change("name of bytes removed", `name \xff\x0a`, "removed", func(t *testing.T, _ string) {
			remove(t, p.path("name \xff\n"))
		}),
	}
}

func (p planted) privileged() []Mutation {
	return []Mutation{
		p.change("uid", "file", "uid", func(t *testing.T, path string) { require.NoError(t, os.Lchown(path, 1234, -1)) }),
		p.change("gid", "file", "gid", func(t *testing.T, path string) { require.NoError(t, os.Lchown(path, -1, 1234)) }),
		p.change("owner of a link", "link", "uid", func(t *testing.T, path string) {
			require.NoError(t, os.Lchown(path, 1234, -1))
		}),
		p.change("capability", "file", "xattr.security.capability", func(t *testing.T, path string) {
			require.NoError(t, unix.Setxattr(path, "security.capability", capability(), 0))
		}),
		p.change("device added", "added", "added", func(t *testing.T, path string) {
			require.NoError(t, unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
		}),
	}
}

func remove(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	require.NoError(t, os.Chmod(path, 0o644))
}

func chmod(t *testing.T, path string, mode uint32) {
	t.Helper()
	require.NoError(t, unix.Chmod(path, mode))
}

// past returns a time for setTimes that is long ago and has nanoseconds.
func past() []unix.Timespec {
	return []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: 1_600_000_000, Nsec: 123_456_789}}
}

func timesOf(t *testing.T, path string) []unix.Timespec {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(path, &st))
	return []unix.Timespec{{Nsec: unix.UTIME_OMIT}, st.Mtim}
}

func setTimes(t *testing.T, path string, times []unix.Timespec) {
	t.Helper()
	require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW))
}

func keepingTimes(t *testing.T, path string, do func()) {
	t.Helper()
	times := timesOf(t, path)
	do()
	setTimes(t, path, times)
}

// acl returns a POSIX ACL: u::rwx u:1234:r-x g::r-x m::r-x o::r-x.
func acl() []byte {
	b := []byte{2, 0, 0, 0}
	entry := func(tag, perm byte, id uint32) {
		b = append(b, tag, 0, perm, 0, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	const none = 1<<32 - 1
	entry(0x01, 7, none)
	entry(0x02, 5, 1234)
	entry(0x04, 5, none)
	entry(0x10, 5, none)
	entry(0x20, 5, none)
	return b
}

// capability returns cap_net_bind_service=ep as a file capability.
func capability() []byte {
	return []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
}

// Inodes returns the inode and ctime of everything below root: a witness that
// nothing was written, renamed or given new attributes.
func Inodes(t testing.TB, root string) any {
	t.Helper()
	type witness struct {
		inode uint64
		ctime unix.Timespec
	}
	seen := make(map[string]witness)
	require.NoError(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		seen[path] = witness{st.Ino, st.Ctim}
		return nil
	}))
	return seen
}
