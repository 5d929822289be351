package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// proven appends the event of a restore, with its receipt.
func proven(t testing.TB, s *store.Store, id string) {
	t.Helper()
	require.NoError(t, s.PutReceipt(t.Context(), snapshot.Receipt{ID: id, Identical: true}))
	require.NoError(t, s.AppendEvent(t.Context(), &snapshot.Event{Workspace: "w", Receipt: id}))
}

// forge changes the body of a record and makes all its checksums right.
func forge(t testing.TB, path, old, changed string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var r struct {
		Format int             `json:"format"`
		Type   string          `json:"type"`
		Body   json.RawMessage `json:"body"`
	}
	require.NoError(t, json.Unmarshal(b, &r))
	require.Contains(t, string(r.Body), old)
	body := strings.Replace(string(r.Body), old, changed, 1)
	forged := fmt.Sprintf("{\"format\":%d,\"type\":%q,\"sha256\":\"%x\",\"body\":%s}\n", r.Format, r.Type, sha256.Sum256([]byte(body)), body)
	require.NoError(t, os.WriteFile(path, []byte(forged), 0o600))
}

// TestAForgedProofIsFound changes records in a way that all checksums are
// right, and lets the catalog be built from them. Only the digests that events
// have of receipts and of each other can tell.
func TestAForgedProofIsFound(t *testing.T) {
	s := open(t)
	for _, id := range []string{"r1", "r2", "r3"} {
		proven(t, s, id)
	}
	storetest.Check(t, s)
	require.NoError(t, s.Close())
	for name, c := range map[string]struct {
		path, old, changed string
		where              string
	}{
		"receipt":    {"receipts/r2.json", `"identical":true`, `"identical":false`, "receipts/r2.json"},
		"event":      {"events/00000000000000000001.json", `"workspace":"w"`, `"workspace":"v"`, "events/00000000000000000002.json"},
		"its digest": {"events/00000000000000000002.json", `"previous"`, `"preview"`, "events/00000000000000000003.json"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyDir(t, s.Dir())
			forge(t, filepath.Join(dir, c.path), c.old, c.changed)
			remove("catalog.db")(t, dir)
			s := reopenQuietly(t, dir)
			report, err := s.Check(t.Context(), true)
			require.NoError(t, err)
			require.Contains(t, places(report.Problems), c.where)
			_, err = s.Receipt(t.Context(), "r2")
			require.Equal(t, name == "receipt", err != nil)
			if err != nil {
				require.ErrorIs(t, err, store.ErrDamaged)
			}
		})
	}
}

func TestARemovedEventIsMissed(t *testing.T) {
	s := open(t)
	for _, id := range []string{"r1", "r2", "r3"} {
		proven(t, s, id)
	}
	require.NoError(t, s.Close())
	remove("events/00000000000000000002.json")(t, s.Dir())
	remove("catalog.db")(t, s.Dir())
	report, err := reopenQuietly(t, s.Dir()).Check(t.Context(), true)
	require.NoError(t, err)
	require.Contains(t, places(report.Problems), "events/00000000000000000003.json")
}

// TestTheLogGoesOnBehindOlderEvents: events were not chained at first.
func TestTheLogGoesOnBehindOlderEvents(t *testing.T) {
	s := open(t)
	proven(t, s, "r1")
	require.NoError(t, s.Close())
	first := filepath.Join(s.Dir(), "events/00000000000000000001.json")
	b, err := os.ReadFile(first)
	require.NoError(t, err)
	require.NotContains(t, string(b), "previous")
	remove("catalog.db")(t, s.Dir())
	again := storetest.OpenAt(t, s.Dir())
	proven(t, again, "r2")
	events, err := again.Events(context.Background(), "w")
	require.NoError(t, err)
	require.EqualValues(t, fmt.Sprintf("%x", sha256.Sum256(b)), events[0].Previous)
}
