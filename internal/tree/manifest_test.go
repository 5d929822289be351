package tree

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

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
			Holes: []Extent{{0, 10}, {20, 80}}, Unstable: true,
			Xattrs: []Xattr{{"user.a", []byte{}}, {"user.b", []byte("\x00")}},
		},
		{Path: "c", Type: Regular, Size: 1, Digest: chunk, Chunks: []kind.ChunkID{chunk}, Group: "a/\xff\n"},
		pagedFile("c2", 100*pageSize+1, []int64{8, 70, 1},
			Run{0, 0, 4}, Run{zeros, 0, 20}, Run{1, 5, 65}, Run{zeros, 0, 1}, Run{0, 0, 8}, Run{1, 0, 2}, Run{2, 0, 1}),
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

// pagedFile is a paged file with one chunk for each number of pages.
func pagedFile(path string, size int64, pages []int64, runs ...Run) Entry {
	e := Entry{Path: path, Type: Regular, Size: size, Digest: [32]byte{2}, Recipe: &Recipe{Pages: pages, Runs: runs}}
	for i := range pages {
		e.Chunks = append(e.Chunks, kind.Sum([]byte{byte(i)}))
	}
	return e
}

func TestHostileManifests(t *testing.T) {
	for name, entries := range map[string][]Entry{
		"no root":              {file("a")},
		"root is a file":       {file("")},
		"two roots":            {dir(""), dir("")},
		"up":                   {dir(""), file("..")},
		"up inside":            {dir(""), dir("a"), file("a/..")},
		"absolute":             {dir(""), file("/etc/passwd")},
		"dot":                  {dir(""), file(".")},
		"empty name":           {dir(""), dir("a"), file("a/")},
		"two slashes":          {dir(""), dir("a"), file("a//b")},
		"NUL":                  {dir(""), file("a\x00b")},
		"twice":                {dir(""), file("a"), file("a")},
		"out of order":         {dir(""), file("b"), file("a")},
		"below a file":         {dir(""), file("a"), file("a/b")},
		"below a link":         {dir(""), {Path: "a", Type: Symlink, Target: "/etc"}, file("a/passwd")},
		"below a boundary":     {dir(""), {Path: "a", Type: Boundary}, file("a/b")},
		"directory not there":  {dir(""), file("a/b")},
		"link to nothing":      {dir(""), {Path: "b", Type: Regular, Group: "a"}},
		"link out":             {dir(""), {Path: "b", Type: Regular, Group: "../a"}},
		"link to another type": {dir(""), {Path: "a", Type: Fifo}, {Path: "b", Type: Regular, Group: "a"}},
		"linked directory":     {dir(""), {Path: "b", Type: Folder, Group: "a"}},
		"unknown type":         {dir(""), {Path: "b", Type: 'z'}},
		"hole beyond the end":  {dir(""), {Path: "b", Type: Regular, Size: 5, Holes: []Extent{{0, 6}}}},
		"hole of nothing":      {dir(""), {Path: "b", Type: Regular, Size: 5, Holes: []Extent{{0, 0}}}},
		"overlapping holes":    {dir(""), {Path: "b", Type: Regular, Size: 5, Holes: []Extent{{0, 3}, {2, 2}}}},
		"foreign attribute":    {dir(""), {Path: "b", Type: Regular, Xattrs: []Xattr{{Name: "security.selinux"}}}},
		"temporary name":       {dir(""), file(".dogear-0123456789abcdef")},
		"too few pages":        {dir(""), pagedFile("b", 9*pageSize, []int64{8}, Run{0, 0, 8})},
		"too many pages":       {dir(""), pagedFile("b", 7*pageSize, []int64{8}, Run{0, 0, 8})},
		"far too many zeros":   {dir(""), pagedFile("b", 7*pageSize, nil, Run{zeros, 0, 1 << 61})},
		"run of nothing":       {dir(""), pagedFile("b", pageSize, []int64{1}, Run{0, 0, 0}, Run{0, 0, 1})},
		"no such chunk":        {dir(""), pagedFile("b", pageSize, []int64{1}, Run{1, 0, 1})},
		"chunk without use":    {dir(""), pagedFile("b", pageSize, []int64{1, 1}, Run{0, 0, 1})},
		"behind the chunk":     {dir(""), pagedFile("b", 2*pageSize, []int64{4}, Run{0, 3, 2})},
		"far behind the chunk": {dir(""), pagedFile("b", 2*pageSize, []int64{4}, Run{0, 1<<63 - 1, 2})},
		"impossibly large":     {dir(""), pagedFile("b", 2*pageSize, []int64{1 << 40}, Run{0, 1 << 39, 2})},
		"pages nobody has":     {dir(""), pagedFile("b", 2*pageSize, nil, Run{unstored, 0, 2})},
	} {
		_, err := readBack(t, encode(entries...))
		require.Error(t, err, name)
		if name != "unknown type" { // has no bytes to be written as
			_, err = WriteManifest(t.Context(), one{}, entries)
			require.ErrorContains(t, err, "write a manifest that could be read", name)
		}
	}
}

func TestTruncatedAndForeignManifests(t *testing.T) {
	whole := encode(sample()...)
	_, err := readBack(t, nil)
	require.Error(t, err)
	_, err = readBack(t, []byte("dogear tree 3\n"))
	require.ErrorContains(t, err, "newer version")
	got, err := readBack(t, whole[:len(whole)-3])
	require.Error(t, err)
	require.Less(t, len(got), len(sample()))
}

// Whatever the bytes are, decoding ends; what is accepted encodes to what
// decodes to the same.
func FuzzDecode(f *testing.F) {
	whole := encode(sample()...)[len(manifestHeading):]
	f.Add(whole)
	f.Add(encode(dir(""), pagedFile("b", 9*pageSize, []int64{8, 8}, Run{0, 0, 8}, Run{1, 7, 1}))[len(manifestHeading):])
	for i := 1; i < len(whole); i += 40 {
		f.Add(append(bytes.Clone(whole[:i]), append([]byte{whole[i] ^ 0x85}, whole[i+1:]...)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{r: bufio.NewReader(bytes.NewReader(b))}
		var again encoder
		var entries []Entry
		var v validator
		for d.more() {
			e, err := d.entry()
			if err != nil || v.check(&e) != nil {
				return
			}
			entries = append(entries, e)
			again.entry(&e)
		}
		d = decoder{r: bufio.NewReader(bytes.NewReader(again.buf))}
		for i := range entries {
			e, err := d.entry()
			require.NoError(t, err)
			require.Equal(t, entries[i], e)
		}
	})
}

// memory is a stat index in memory.
type memory []byte

func (m *memory) Load() []byte { return *m }

func (m *memory) Save(content []byte) error {
	*m = bytes.Clone(content)
	return nil
}

// Whatever the bytes of a stat index are, loading ends; what is loaded is
// loaded again after it was saved. Its checksum is made right, as nothing
// would be tried else.
func FuzzIndex(f *testing.F) {
	var records []record
	for _, e := range sample() {
		if e.Type == Boundary || e.Unread || e.Unstable {
			continue
		}
		r := record{Entry: e, readAt: time.Unix(10, 0)}
		if e.isPaged() {
			r.Recipe.Runs[1].Chunk = unstored
			r.pages = newPages(7, e.Size)
		}
		records = append(records, r)
	}
	var saved memory
	_, err := saveIndex(&saved, records, trustAfter, 0)
	require.NoError(f, err)
	body := saved[len(indexHeading) : len(saved)-sha256.Size]
	f.Add([]byte(body))
	f.Add([]byte(body[:len(body)/2]))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := append([]byte(indexHeading), b...)
		sum := sha256.Sum256(whole)
		index := memory(append(whole, sum[:]...))
		first := loadIndex(&index)
		_, err := saveIndex(&index, first, trustAfter, -1)
		require.NoError(t, err)
		kept := loadIndex(&index)
		_, err = saveIndex(&index, kept, trustAfter, -1)
		require.NoError(t, err)
		require.Equal(t, kept, loadIndex(&index))
	})
}

func TestWhatWasQuietForAWhileSurvivesAnotherBoot(t *testing.T) {
	read := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		changed  int64
		recipe   *Recipe
		survives bool
	}{
		"long before":           {900, nil, true},
		"shortly before":        {950, nil, false},
		"long before, in place": {900, &Recipe{}, false},
	} {
		r := record{Entry: Entry{Recipe: c.recipe}, stamp: stamp{ctime: instant{sec: c.changed}}, readAt: read}
		require.Equal(t, c.survives, r.survives(), name)
	}
}
