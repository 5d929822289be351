package store_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"dogear/internal/testbed"
	"dogear/kind"
	filesdriver "dogear/kind/files"
	"dogear/kind/git"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// TestKeptStores reads the store of each format that was ever released.
func TestKeptStores(t *testing.T) {
	kept, err := filepath.Glob("../testdata/stores/*/store")
	require.NoError(t, err)
	require.Len(t, kept, store.Format)
	for _, dir := range kept {
		t.Run(filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
			for _, spoil := range []func(*testing.T, string){func(*testing.T, string) {}, remove("catalog.db")} {
				copied := copyDir(t, dir)
				spoil(t, copied)
				s := storetest.OpenAt(t, copied)
				storetest.Check(t, s)
				requireKept(t, s, filepath.Dir(dir))
			}
		})
	}
}

func requireKept(t *testing.T, s *store.Store, dir string) {
	var want []struct {
		ID     snapshot.ID     `json:"id"`
		State  snapshot.Digest `json:"state"`
		Name   string          `json:"name"`
		Note   string          `json:"note"`
		Reason snapshot.Reason `json:"reason"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "list.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &want))
	list, err := s.Snapshots(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, list, len(want))
	for i, w := range want {
		have := list[i]
		require.Equal(t, w.ID, have.ID)
		require.Equal(t, w.State, have.State)
		require.Equal(t, []string{w.Name, w.Note, string(w.Reason)}, []string{have.Name, have.Note, string(have.Reason)})
	}
	first := slices.IndexFunc(list, func(s snapshot.Snapshot) bool { return s.Name == "first" })
	require.GreaterOrEqual(t, first, 0)
	second := slices.IndexFunc(list, func(s snapshot.Snapshot) bool { return s.Name == "second" })
	require.Equal(t, "said afterwards", list[second].Note)

	events, err := s.Events(t.Context(), "")
	require.NoError(t, err)
	restored := slices.IndexFunc(events, func(e snapshot.Event) bool { return e.Receipt != "" })
	receipt, err := s.Receipt(t.Context(), events[restored].Receipt)
	require.NoError(t, err)
	require.True(t, receipt.Identical)
	requireRestored(t, s, list[first], filepath.Join(dir, "first.txt"))
}

// requireRestored restores a snapshot of files and repositories elsewhere.
func requireRestored(t *testing.T, s *store.Store, snap snapshot.Snapshot, listing string) {
	testbed.Require(t, "root") // the files belong to root
	ws := &kind.Workspace{Root: t.TempDir(), Cache: s.Cache("kept"), Redact: func(string) string { return "" }}
	drivers := map[string]kind.Driver{"files": filesdriver.New(), "git": git.New()}
	for _, part := range slices.Backward(snap.Parts) { // repositories lie in the files
		moved := elsewhere(t, part.Part, snap.Workspace.Root, ws.Root)
		require.NoError(t, drivers[part.ID.Kind].Restore(t.Context(), ws, moved, s))
	}
	have, err := exec.Command("../testdata/stores/listing", ws.Root).Output()
	require.NoError(t, err)
	want, err := os.ReadFile(listing)
	require.NoError(t, err)
	require.Equal(t, string(want), string(have))
}

// elsewhere returns a part whose paths are below another root.
func elsewhere(t *testing.T, part kind.Part, from, to string) (moved kind.Part) {
	b, err := json.Marshal(part)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(bytes.ReplaceAll(b, []byte(from), []byte(to)), &moved))
	return moved
}
