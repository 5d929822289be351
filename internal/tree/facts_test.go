package tree

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
)

func factNames(t *testing.T, prefix string, claimed []kind.Pattern, entries ...Entry) (names []string, values map[string]string) {
	t.Helper()
	values = make(map[string]string)
	stream := func(yield func(Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
	for f, err := range Facts(stream, prefix, claimed) {
		require.NoError(t, err)
		names = append(names, f.Name)
		values[f.Name] = f.Value
	}
	return names, values
}

func TestClaimedPathsAreLeftOut(t *testing.T) {
	names, values := factNames(t, "/", []kind.Pattern{"data/base", "log/*", "**/*.pid", "*.tmp"},
		dir(""), dir("data"), file("data/a.pid"), dir("data/base"), file("data/base/1"), file("data/conf"),
		dir("log"), file("log/today"), dir("other"), file("other/x"), file("x.tmp"))
	require.Equal(t, []string{"/", "/data", "/data/conf", "/log", "/other", "/other/x"}, names)
	// Where claimed entries come and go, the time of the directory says nothing.
	for name, timed := range map[string]bool{"/": false, "/data": false, "/log": false, "/other": true, "/other/x": true} {
		require.Equal(t, timed, strings.Contains(values[name], " mtime="), name)
	}
}

func TestTheRootHasItsPlaceAmongTheNames(t *testing.T) {
	names, _ := factNames(t, "", nil, dir(""), file("!"), file("-x"), file(".git"), file("a"))
	require.Equal(t, []string{"!", "-x", ".", ".git", "a"}, names)
	names, _ = factNames(t, "", nil, dir(""))
	require.Equal(t, []string{"."}, names)
	names, _ = factNames(t, "", []kind.Pattern{"*"}, dir(""), file("a"))
	require.Equal(t, []string{"."}, names, "the root itself is never claimed")
}

func TestFactsHaveEveryAttribute(t *testing.T) {
	_, values := factNames(t, "", nil,
		dir(""),
		Entry{
			Path: "f", Type: Regular, Mode: 0o4755, UID: 1, GID: 2, Sec: -1, Nsec: 5, Size: 3, Digest: [32]byte{0xab},
			Xattrs: []Xattr{{"user.a b=c", nil}, {"user.long", make([]byte, 40)}}, Group: "e f",
			Holes: []Extent{{0, 3}}, Unstable: true,
		},
		Entry{Path: "g", Type: CharDev, Device: 1<<8 | 3},
		Entry{Path: "h", Type: Symlink, Target: "a\nb"},
		Entry{Path: "i", Type: Boundary},
		Entry{Path: "j", Type: Regular, Unread: true, Size: 7},
		Entry{Path: "k", Type: Regular, Size: 7, Digest: [32]byte{0xcd}, Recipe: &Recipe{}})
	require.Equal(t, "file mode=4755 uid=1 gid=2 mtime=1969-12-31T23:59:59.000000005Z size=3"+
		" sha256=ab00000000000000000000000000000000000000000000000000000000000000"+
		` xattr.user.a\x20b\x3dc=0x xattr.user.long=sha256:2c34ce1df23b838c5abf2a7f6437cca3d3067ed509ff25f11df6b11b582b51eb`+
		` link=e\x20f`, values["f"])
	require.Equal(t, "char mode=0000 uid=0 gid=0 mtime=1970-01-01T00:00:00.000000000Z device=1:3", values["g"])
	require.Equal(t, `link mode=0000 uid=0 gid=0 mtime=1970-01-01T00:00:00.000000000Z target=a\x0ab`, values["h"])
	require.Equal(t, "boundary", values["i"])
	require.Equal(t, "file mode=0000 uid=0 gid=0 mtime=1970-01-01T00:00:00.000000000Z size=7 unread=yes", values["j"])
	require.Contains(t, values["k"], " sha256-blocks=cd0000", "the digest of a paged file is another one")
}
