package catalog_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"dogear/kind"
	"dogear/store/catalog"
	"dogear/store/chunk"

	"github.com/stretchr/testify/require"
)

func open(t testing.TB, path string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "catalog.db") }

func pack(n int, contents ...string) chunk.Pack {
	p := chunk.Pack{Name: fmt.Sprintf("%032x", n), Size: int64(1000 + n)}
	for i, c := range contents {
		p.Index.Chunks = append(p.Index.Chunks, chunk.Entry{ID: id(c), Location: chunk.Location{
			Offset: int64(n), Stored: 10, Plain: 20, At: uint32(i), Length: uint32(len(c)), Codec: chunk.Zstd}})
	}
	return p
}

func id(content string) kind.ChunkID { return kind.Sum([]byte(content)) }

func snap(id, workspace string) catalog.Snapshot {
	return catalog.Snapshot{
		Entry:     catalog.Entry{Key: id, Record: []byte("record of " + id)},
		Workspace: catalog.Workspace{ID: workspace, Root: "/" + workspace},
	}
}

func listed(ids ...string) []catalog.Annotated {
	list := []catalog.Annotated{}
	for _, id := range ids {
		list = append(list, catalog.Annotated{Entry: snap(id, "w").Entry})
	}
	return list
}

func TestPublishedChunksAreFound(t *testing.T) {
	path := newPath(t)
	c := open(t, path)
	first, second := pack(1, "a", "b"), pack(2, "b", "c")
	require.NoError(t, c.Publish([]chunk.Pack{first}))
	require.NoError(t, c.Publish([]chunk.Pack{second}, snap("01a", "w")))
	require.NoError(t, c.Close())

	c = open(t, path)
	known, err := c.Known([]kind.ChunkID{id("a"), id("x"), id("c"), id("b")})
	require.NoError(t, err)
	require.Equal(t, []bool{true, false, true, true}, known)
	where, found, err := c.Locate(id("b"))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, catalog.Location{Pack: first.Name, Location: first.Index.Chunks[1].Location}, where, "the first one stays")
	_, found, err = c.Locate(id("x"))
	require.NoError(t, err)
	require.False(t, found)
	packs, err := c.Packs()
	require.NoError(t, err)
	require.Len(t, packs, 2)
	for i, want := range []catalog.Pack{{Name: first.Name, Size: 1001, Chunks: 2}, {Name: second.Name, Size: 1002, Chunks: 1}} {
		require.Equal(t, want.Name, packs[i].Name)
		require.Equal(t, want.Size, packs[i].Size)
		require.Equal(t, want.Chunks, packs[i].Chunks)
	}
}

func TestPublishIsAllOrNothing(t *testing.T) {
	c := open(t, newPath(t))
	require.NoError(t, c.Publish(nil, snap("01a", "w")))
	require.ErrorIs(t, c.Publish([]chunk.Pack{pack(1, "a")}, snap("01b", "w"), snap("01a", "w")), catalog.ErrExists)
	require.ErrorContains(t, c.Publish([]chunk.Pack{pack(2, "a"), {Name: "short"}}), "hexadecimal")
	known, err := c.Known([]kind.ChunkID{id("a")})
	require.NoError(t, err)
	require.Equal(t, []bool{false}, known)
	list, err := c.Snapshots("")
	require.NoError(t, err)
	require.Equal(t, listed("01a"), list)
}

func TestSnapshotsOfOneWorkspace(t *testing.T) {
	c := open(t, newPath(t))
	require.NoError(t, c.Publish(nil, snap("01a", "w"), snap("01b", "w2"), snap("01c", "w")))
	list, err := c.Snapshots("w")
	require.NoError(t, err)
	require.Equal(t, listed("01c", "01a"), list)
	workspaces, err := c.Workspaces()
	require.NoError(t, err)
	require.Len(t, workspaces, 2)
	none, err := c.Snapshot("")
	require.NoError(t, err)
	require.Nil(t, none.Record)
}

func TestForgottenSnapshotsAreGoneFromEveryList(t *testing.T) {
	c := open(t, newPath(t))
	require.NoError(t, c.Publish(nil, snap("01a", "w"), snap("01b", "w2"), snap("01c", "w")))
	require.NoError(t, c.Put(catalog.Annotations, catalog.Entry{Key: "01a", Record: []byte("note")}))
	for _, id := range []string{"01a", "01b", "01b"} {
		require.NoError(t, c.Forget(catalog.Entry{Key: id, Record: []byte("gone")}))
	}
	list, err := c.Snapshots("")
	require.NoError(t, err)
	require.Equal(t, listed("01c"), list)
	list, err = c.Snapshots("w")
	require.NoError(t, err)
	require.Equal(t, listed("01c"), list)
	workspaces, err := c.Workspaces()
	require.NoError(t, err)
	require.Equal(t, []catalog.Workspace{{ID: "w", Root: "/w"}}, workspaces)
	order, err := c.Order()
	require.NoError(t, err)
	require.Equal(t, []string{"w\x0001c"}, order)
	note, err := c.Record(catalog.Annotations, "01a")
	require.NoError(t, err)
	require.Nil(t, note)
	gone, err := c.Has(catalog.Deletions, "01b")
	require.NoError(t, err)
	require.True(t, gone)
}

// TestDamageIsAnErrorAndNothingWorse overwrites random stretches of a catalog:
// whatever is asked then, there is an answer or an error, but no panic.
func TestDamageIsAnErrorAndNothingWorse(t *testing.T) {
	path := newPath(t)
	c := open(t, path)
	for n := range 40 {
		contents := make([]string, 50)
		for i := range contents {
			contents[i] = fmt.Sprint(n, i)
		}
		require.NoError(t, c.Publish([]chunk.Pack{pack(n, contents...)}, snap(fmt.Sprintf("%03d", n), "w")))
		require.NoError(t, c.Put(catalog.Events, catalog.Entry{Key: catalog.EventKey(uint64(n)), Record: []byte("event")}))
	}
	require.NoError(t, c.Close())
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for seed := range uint64(150) {
		require.NoError(t, os.WriteFile(path, spoil(good, rand.New(rand.NewPCG(seed, 1))), 0o600))
		askEverything(path)
	}
}

// spoil returns a copy with some bytes overwritten, or the end cut off.
func spoil(good []byte, r *rand.Rand) []byte {
	bad := append([]byte(nil), good...)
	if r.IntN(10) == 0 {
		return bad[:r.IntN(len(bad))]
	}
	at := r.IntN(len(bad))
	for i := at; i < min(len(bad), at+1+r.IntN(64)); i++ {
		bad[i] = byte(r.Uint32())
	}
	return bad
}

func askEverything(path string) {
	c, err := catalog.Open(path)
	if err != nil {
		return
	}
	_, _ = c.Snapshots("")
	_, _ = c.Snapshots("w")
	_, _ = c.Workspaces()
	_, _ = c.All(catalog.Events)
	_, _ = c.Packs()
	_, _, _ = c.Locate(id("0 0"))
	_ = c.EachChunk(func(kind.ChunkID, catalog.Location) error { return nil })
	_ = c.Publish([]chunk.Pack{pack(99, "new", "0 0")}, snap("099", "w"))
	_ = c.Close()
}

// A pack that takes the place of another takes over what is in that one, and
// nothing else: not what a capture has put into a third meanwhile, nor what
// was condemned (the two guards of takeOver).
func TestReplaceMovesOnlyWhatIsInTheOldPacks(t *testing.T) {
	c := open(t, newPath(t))
	require.NoError(t, c.Publish([]chunk.Pack{pack(1, "a", "condemned")}))
	require.NoError(t, c.Publish([]chunk.Pack{pack(2, "elsewhere")}))
	packs, err := c.Packs()
	require.NoError(t, err)
	require.NoError(t, c.Condemn([]catalog.Unlist{{Pack: packs[0], Chunks: pack(1, "", "condemned").Index.Chunks[1:]}}))
	packs, err = c.Packs()
	require.NoError(t, err)

	require.NoError(t, c.Replace(packs[:1], []chunk.Pack{pack(3, "a", "condemned", "elsewhere")}))
	for content, want := range map[string]string{"a": pack(3).Name, "elsewhere": pack(2).Name, "condemned": ""} {
		where, found, err := c.Locate(id(content))
		require.NoError(t, err)
		require.Equal(t, want != "", found, content)
		require.Equal(t, want, where.Pack, content)
	}
	packs, err = c.Packs()
	require.NoError(t, err)
	require.Len(t, packs, 2)
	require.Equal(t, []uint32{1, 1}, []uint32{packs[0].Chunks, packs[1].Chunks})
}
