package tree

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/kind"
)

// one is a store for few chunks.
type one map[kind.ChunkID][]byte

func (s one) Known(_ context.Context, ids []kind.ChunkID) ([]bool, error) {
	return make([]bool, len(ids)), nil
}

func (s one) Put(_ context.Context, b []byte) (kind.ChunkID, error) {
	s[kind.Sum(b)] = bytes.Clone(b)
	return kind.Sum(b), nil
}

func (s one) Get(_ context.Context, id kind.ChunkID, _ []byte) ([]byte, error) {
	if b, ok := s[id]; ok {
		return b, nil
	}
	return nil, errors.New("no such chunk")
}

func readBack(t *testing.T, encoded []byte) ([]Entry, error) {
	t.Helper()
	store := one{}
	object, err := content.PutBytes(t.Context(), store, manifestName, encoded)
	require.NoError(t, err)
	var entries []Entry
	for e, err := range ReadManifest(t.Context(), store, object) {
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func encode(entries ...Entry) []byte {
	e := encoder{buf: []byte(manifestHeading)}
	for i := range entries {
		e.entry(&entries[i])
	}
	return e.buf
}

func dir(path string) Entry { return Entry{Path: path, Type: Folder, Mode: 0o755} }

func file(path string) Entry { return Entry{Path: path, Type: Regular} }

func sample() []Entry {
	chunk := kind.Sum([]byte("x"))
	return []Entry{
		dir(""),
		{Path: "a", Type: Folder, Mode: 0o7777, UID: 1<<32 - 1, GID: 5, Sec: -1 << 40, Nsec: 999_999_999, Unread: true},
		{Path: "a/\xff\n", Type: Regular, Size: 1, Digest: chunk, Chunks: []kind.ChunkID{chunk}},
		{
			Path: "b", Type: Regular, Size: 100, Digest: [32]byte{1}, Chunks: []kind.ChunkID{chunk},
			Holes: []Extent{{0, 10}, {20, 80}}, InPlace: true, Unstable: true,
			Xattrs: []Xattr{{"user.a", []byte{}}, {"user.b", []byte("\x00")}},
		},
		{Path: "c", Type: Regular, Size: 1, Digest: chunk, Chunks: []kind.ChunkID{chunk}, Group: "a/\xff\n"},
		{Path: "d", Type: CharDev, Device: 1 << 40},
		{Path: "e", Type: Symlink, Target: "../x"},
		{Path: "f", Type: Boundary},
	}
}

func TestEncodingKeepsEverything(t *testing.T) {
	got, err := readBack(t, encode(sample()...))
	require.NoError(t, err)
	require.Equal(t, sample(), got)
}

func TestHostileManifests(t *testing.T) {
	chunk := kind.Sum([]byte("x"))
	for name, entries := range map[string][]Entry{
		"no root":               {file("a")},
		"root is a file":        {file("")},
		"two roots":             {dir(""), dir("")},
		"up":                    {dir(""), file("..")},
		"up inside":             {dir(""), dir("a"), file("a/..")},
		"absolute":              {dir(""), file("/etc/passwd")},
		"dot":                   {dir(""), file(".")},
		"empty name":            {dir(""), dir("a"), file("a/")},
		"two slashes":           {dir(""), dir("a"), file("a//b")},
		"NUL":                   {dir(""), file("a\x00b")},
		"twice":                 {dir(""), file("a"), file("a")},
		"out of order":          {dir(""), file("b"), file("a")},
		"below a file":          {dir(""), file("a"), file("a/b")},
		"below a link":          {dir(""), {Path: "a", Type: Symlink, Target: "/etc"}, file("a/passwd")},
		"below a boundary":      {dir(""), {Path: "a", Type: Boundary}, file("a/b")},
		"directory not there":   {dir(""), file("a/b")},
		"link to nothing":       {dir(""), {Path: "b", Type: Regular, Group: "a"}},
		"link out":              {dir(""), {Path: "b", Type: Regular, Group: "../a"}},
		"link to another type":  {dir(""), {Path: "a", Type: Fifo}, {Path: "b", Type: Regular, Group: "a"}},
		"linked directory":      {dir(""), {Path: "b", Type: Folder, Group: "a"}},
		"unknown type":          {dir(""), {Path: "b", Type: 'z'}},
		"hole beyond the end":   {dir(""), {Path: "b", Type: Regular, Size: 5, Holes: []Extent{{0, 6}}}},
		"hole of nothing":       {dir(""), {Path: "b", Type: Regular, Size: 5, Holes: []Extent{{0, 0}}}},
		"overlapping holes":     {dir(""), {Path: "b", Type: Regular, Size: 5, Holes: []Extent{{0, 3}, {2, 2}}}},
		"foreign attribute":     {dir(""), {Path: "b", Type: Regular, Xattrs: []Xattr{{Name: "security.selinux"}}}},
		"temporary name":        {dir(""), file(".dogear-0123456789abcdef")},
		"blocks of other sizes": {dir(""), {Path: "b", Type: Regular, Size: 5, InPlace: true, Chunks: []kind.ChunkID{chunk, chunk}}},
	} {
		_, err := readBack(t, encode(entries...))
		require.Error(t, err, name)
	}
}

func TestTruncatedAndForeignManifests(t *testing.T) {
	whole := encode(sample()...)
	_, err := readBack(t, nil)
	require.Error(t, err)
	_, err = readBack(t, []byte("dogear tree 2\n"))
	require.ErrorContains(t, err, "newer version")
	got, err := readBack(t, whole[:len(whole)-3])
	require.Error(t, err)
	require.Less(t, len(got), len(sample()))
}

// Whatever the bytes are, decoding ends, and yields what encodes again.
func FuzzDecode(f *testing.F) {
	f.Add(encode(sample()...)[len(manifestHeading):])
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{r: bufio.NewReader(bytes.NewReader(b))}
		var again encoder
		for d.more() {
			e, err := d.entry()
			if err != nil {
				return
			}
			again.entry(&e)
		}
	})
}
