package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dogear/kind"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
)

// spoil are the ways in which the only pack of a store is damaged.
func spoil() map[string]func(testing.TB, *store.Store) {
	return map[string]func(testing.TB, *store.Store){
		"content": func(t testing.TB, s *store.Store) { damage(t, files(t, s, "packs")[0], 100) },
		"footer": func(t testing.TB, s *store.Store) {
			info, err := os.Stat(files(t, s, "packs")[0])
			require.NoError(t, err)
			damage(t, files(t, s, "packs")[0], info.Size()-60)
		},
		"all of it": func(t testing.TB, s *store.Store) { require.NoError(t, os.Remove(files(t, s, "packs")[0])) },
	}
}

func places(problems []store.Problem) (where []string) {
	for _, p := range problems {
		where = append(where, p.Where)
	}
	return where
}

// TestWhatACheckFoundDamagedIsStoredAnew damages the first content of a store,
// which by then is neither known to a capture nor whole to a check, and stores
// the same again. A capture that believed the catalog alone would refer to the
// damaged copy for ever.
func TestWhatACheckFoundDamagedIsStoredAnew(t *testing.T) {
	for name, spoil := range spoil() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			first, second := random(1, 200<<10), random(2, 300<<10)
			save(t, s, "01a", first, second)
			pack := "packs/" + filepath.Base(files(t, s, "packs")[0])
			spoil(t, s)
			for range 2 { // what is found is found again
				report, err := s.Check(t.Context(), true)
				require.NoError(t, err)
				require.Equal(t, []string{pack, "snapshot 01a"}, places(report.Problems))
			}
			session := begin(t, s)
			left := []bool{known(t, session.Sink(), first), known(t, session.Sink(), second)}
			require.Equal(t, name == "content", left[0] || left[1], "only what is damaged is stored again")
			require.Contains(t, left, false)
			require.NoError(t, session.Abort())
			report, err := s.Check(t.Context(), false)
			require.NoError(t, err)
			require.Equal(t, []string{pack, "snapshot 01a"}, places(report.Problems), "it is remembered")

			save(t, s, "01b", first, second)
			requireContent(t, s, first, second)
			report, err = s.Check(t.Context(), true)
			require.NoError(t, err)
			require.Equal(t, []string{pack}, places(report.Problems), "the snapshots are whole again")
			prune(t, s)
			storetest.Check(t, s)
			s = reopen(t, s)
			storetest.Check(t, s)
			requireContent(t, s, first, second)
		})
	}
}

func TestReadingDamageIsEnoughToStoreItAnew(t *testing.T) {
	s := open(t)
	content := random(1, 200<<10)
	save(t, s, "01a", content)
	s = reopen(t, s)
	spoil()["content"](t, s)
	session := begin(t, s)
	require.True(t, known(t, session.Sink(), content))
	_, err := s.Get(t.Context(), kind.Sum(content), nil)
	require.ErrorIs(t, err, store.ErrDamaged)
	require.False(t, known(t, session.Sink(), content))
	require.NoError(t, session.Commit(t.Context(), newSnapshot(t, session, "01b", content)))
	requireContent(t, s, content)
}

func TestWhatComesBackIsNotDamagedAnyMore(t *testing.T) {
	s := open(t)
	content := random(1, 200<<10)
	save(t, s, "01a", content)
	for range 2 { // a second time does the same
		spoil()["content"](t, s)
	}
	spoil()["content"](t, s)
	report, err := s.Check(t.Context(), true)
	require.NoError(t, err)
	require.NotEmpty(t, report.Problems)
	spoil()["content"](t, s)
	storetest.Check(t, s)
	session := begin(t, s)
	require.True(t, known(t, session.Sink(), content))
	require.NoError(t, session.Abort())
}

// TestACommitRefusesWhatIsDamaged: a capture was told that a chunk is there, and
// somebody finds it damaged before the end.
func TestACommitRefusesWhatIsDamaged(t *testing.T) {
	s := open(t)
	content := random(1, 200<<10)
	save(t, s, "01a", content)
	session := begin(t, s)
	snap := newSnapshot(t, session, "01b", content)
	spoil()["content"](t, s)
	_, err := s.Check(t.Context(), true)
	require.NoError(t, err)
	err = session.Commit(t.Context(), snap)
	require.ErrorIs(t, err, store.ErrDamaged)
	requireListed(t, s, "01a")
}

// TestAnotherCopyIsUsed: a rebuilt catalog may list the damaged one of two
// copies of a chunk. A check finds out, and the other one is used from then on.
func TestAnotherCopyIsUsed(t *testing.T) {
	dir := newDir(t)
	content := random(1, 200<<10)
	s, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	save(t, s, "01a", content)
	bad := files(t, s, "packs")[0]
	damage(t, bad, 100)
	_, err = s.Check(t.Context(), true)
	require.NoError(t, err)
	save(t, s, "01b", content)
	require.NoError(t, s.Close())

	remove("catalog.db")(t, dir)
	renamed := filepath.Join(filepath.Dir(bad), strings.Repeat("0", 32)+".pack") // it is listed first
	require.NoError(t, os.Rename(bad, renamed))
	_, err = store.Repair(t.Context(), dir, store.Options{})
	require.NoError(t, err)
	s = reopenQuietly(t, dir)
	requireListed(t, s, "01b", "01a")
	report, err := s.Check(t.Context(), true)
	require.NoError(t, err)
	require.Equal(t, []string{"packs/" + filepath.Base(renamed)}, places(report.Problems))
	requireContent(t, s, content)
	prune(t, s)
	require.False(t, slices.Contains(files(t, s, "packs"), renamed))
}

// TestPruneKeepsDamageThatIsNeeded: the rest of the pack may be all that is
// left, and the pack may come back.
func TestPruneKeepsDamageThatIsNeeded(t *testing.T) {
	s := open(t)
	save(t, s, "01a", random(1, 200<<10), random(2, 300<<10))
	damage(t, files(t, s, "packs")[0], 100)
	_, err := s.Check(t.Context(), true)
	require.NoError(t, err)
	require.Equal(t, store.PruneReport{Kept: 1}, prune(t, s))
	require.Len(t, files(t, s, "packs"), 1)
	drop(t, s, "01a")
	require.Equal(t, 1, prune(t, s).Removed)
	storetest.Check(t, s)
}
