package testbed

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Witness describes every entry of a tree by what the system says of it, and by nothing that Dogear says: a line for each
// path.
func Witness(t require.TestingT, root string) map[string]string {
	seen, first := make(map[string]string), make(map[uint64]string)
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("mode %o owner %d:%d mtime %d.%09d", st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			line += fmt.Sprintf(" size %d holes %t content %x", st.Size, st.Blocks*512 < st.Size, contentOf(t, path))
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			require.NoError(t, err)
			line += " to " + target
		case unix.S_IFCHR, unix.S_IFBLK:
			line += fmt.Sprintf(" device %d", st.Rdev)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			if first[st.Ino] == "" {
				first[st.Ino] = path
			}
			line += fmt.Sprintf(" links %d first %s", st.Nlink, strings.TrimPrefix(first[st.Ino], root))
		}
		seen[strings.TrimPrefix(path, root)] = line + attributesOf(t, path)
		return nil
	}))
	return seen
}

func contentOf(t require.TestingT, path string) [32]byte {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return sha256.Sum256(b)
}

func attributesOf(t require.TestingT, path string) string {
	list := make([]byte, 4096)
	n, err := unix.Llistxattr(path, list)
	require.NoError(t, err)
	names := strings.Split(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00")
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		if name == "" || strings.HasPrefix(name, "security.selinux") {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, name, value)
		require.NoError(t, err)
		fmt.Fprintf(&b, " %s=%x", name, value[:n])
	}
	return b.String()
}
