package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
	"dogear/store/storetest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestAgainstAModel runs random operations on a store and on a map.
func TestAgainstAModel(t *testing.T) {
	testbed.Property(t, 100, func(t testing.TB, rt *rapid.T, dir string) {
		s, err := store.Open(dir, store.Options{})
		require.NoError(rt, err)
		m := &model{t: t, s: s, listed: make(map[snapshot.ID]modelSnapshot)}
		rt.Repeat(map[string]func(*rapid.T){
			"begin":    m.begin,
			"put":      m.put,
			"known":    m.known,
			"commit":   m.commit,
			"abort":    m.abort,
			"delete":   m.delete,
			"annotate": m.annotate,
			"prune":    m.prune,
			"reopen":   m.reopen,
			"repair":   m.repair,
			"kill":     m.kill,
			"":         func(*rapid.T) { m.check() },
		})
		m.closeSessions()
		storetest.Check(t, m.s)
		require.NoError(rt, m.s.Close())
	})
}

// model is what the store has to be like.
type model struct {
	t         testing.TB
	s         *store.Store
	sessions  []*modelSession
	listed    map[snapshot.ID]modelSnapshot
	snapshots int // committed so far
}

type modelSnapshot struct {
	contents []string
	note     string
}

type modelSession struct {
	*store.Session
	sink     snapshot.PartSink
	object   kind.Object
	contents []string // put, or known
}

func (m *model) begin(rt *rapid.T) {
	if len(m.sessions) == 3 {
		rt.Skip("enough sessions")
	}
	session := begin(m.t, m.s)
	m.sessions = append(m.sessions, &modelSession{Session: session, sink: session.Sink()})
}

func (m *model) pick(rt *rapid.T) int {
	if len(m.sessions) == 0 {
		rt.Skip("no session")
	}
	return rapid.IntRange(0, len(m.sessions)-1).Draw(rt, "session")
}

func drawContent(rt *rapid.T) []byte {
	size := rapid.SampledFrom([]int{0, 1, 900, 70_000, 300_000}).Draw(rt, "size")
	return text(rapid.IntRange(0, 9).Draw(rt, "text"), size)
}

func (s *modelSession) add(content []byte) {
	s.object.Chunks = append(s.object.Chunks, kind.Sum(content))
	s.object.Size += int64(len(content))
	s.contents = append(s.contents, string(content))
}

func (m *model) put(rt *rapid.T) {
	session := m.sessions[m.pick(rt)]
	for range rapid.IntRange(1, 4).Draw(rt, "puts") {
		c := drawContent(rt)
		put(m.t, session.sink, c)
		session.add(c)
		requireContent(m.t, session, c)
	}
}

// seldom skips what ends all sessions, more often than not: they would not
// get far.
func seldom(rt *rapid.T) {
	if rapid.IntRange(0, 3).Draw(rt, "seldom") != 0 {
		rt.Skip("not now")
	}
}

// known asks; what is listed has to be known, and what is known is there from
// then on.
func (m *model) known(rt *rapid.T) {
	session, c := m.sessions[m.pick(rt)], drawContent(rt)
	is := known(m.t, session.sink, c)
	for _, l := range m.listed {
		require.True(m.t, is || !slices.Contains(l.contents, string(c)), "what a snapshot has is known")
	}
	require.True(m.t, is || !slices.Contains(session.contents, string(c)), "what the session has is known")
	if is {
		session.add(c)
	}
}

func (m *model) take(rt *rapid.T) *modelSession {
	i := m.pick(rt)
	session := m.sessions[i]
	m.sessions = slices.Delete(m.sessions, i, i+1)
	return session
}

func (m *model) commit(rt *rapid.T) {
	session := m.take(rt)
	m.snapshots++
	id := numberedID(m.snapshots)
	require.NoError(m.t, session.Commit(m.t.Context(), withObject(m.t, session.sink, id, session.object)))
	m.listed[id] = modelSnapshot{contents: session.contents}
}

func (m *model) abort(rt *rapid.T) { require.NoError(m.t, m.take(rt).Abort()) }

func (m *model) pickSnapshot(rt *rapid.T) snapshot.ID {
	if len(m.listed) == 0 {
		rt.Skip("no snapshot")
	}
	ids := m.ids()
	return ids[rapid.IntRange(0, len(ids)-1).Draw(rt, "snapshot")]
}

// ids returns the listed snapshots, the newest first.
func (m *model) ids() []snapshot.ID {
	ids := []snapshot.ID{}
	for id := range m.listed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

func (m *model) delete(rt *rapid.T) {
	id := m.pickSnapshot(rt)
	drop(m.t, m.s, id)
	delete(m.listed, id)
}

func (m *model) annotate(rt *rapid.T) {
	id, note := m.pickSnapshot(rt), rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "note")
	annotate(m.t, m.s, id, note, note == "a")
	l := m.listed[id]
	l.note = note
	m.listed[id] = l
}

func (m *model) prune(*rapid.T) { prune(m.t, m.s) }

func (m *model) closeSessions() {
	for _, s := range m.sessions {
		require.NoError(m.t, s.Abort())
	}
	m.sessions = nil
}

func (m *model) open() {
	var err error
	m.s, err = store.Open(m.s.Dir(), store.Options{})
	require.NoError(m.t, err)
}

func (m *model) reopen(rt *rapid.T) {
	seldom(rt)
	require.NoError(m.t, m.s.Close())
	m.sessions = nil
	m.open()
}

// repair spoils the catalog, or does not.
func (m *model) repair(rt *rapid.T) {
	seldom(rt)
	require.NoError(m.t, m.s.Close())
	m.sessions = nil
	path := filepath.Join(m.s.Dir(), "catalog.db")
	if at := rapid.IntRange(-1, 40_000).Draw(rt, "spoil"); at >= 0 {
		b, err := os.ReadFile(path)
		require.NoError(m.t, err)
		b[at%len(b)] ^= 0x55
		require.NoError(m.t, os.WriteFile(path, b, 0o600))
	}
	require.Empty(m.t, repair(m.t, m.s.Dir()).Damaged)
	m.open()
}

// kill goes on with a copy of the store as it is on the disk now, in the
// middle of whatever the sessions do.
func (m *model) kill(rt *rapid.T) {
	seldom(rt)
	copied := copyTo(m.t, m.s.Dir()+"-killed", m.s.Dir())
	require.NoError(m.t, m.s.Close())
	require.NoError(m.t, os.RemoveAll(m.s.Dir()))
	require.NoError(m.t, os.Rename(copied, m.s.Dir()))
	m.sessions = nil
	m.open()
}

func (m *model) check() {
	list, err := m.s.Snapshots(m.t.Context(), "")
	require.NoError(m.t, err)
	have := []snapshot.ID{}
	for _, snap := range list {
		have = append(have, snap.ID)
		require.Equal(m.t, m.listed[snap.ID].note, snap.Note)
	}
	require.Equal(m.t, m.ids(), have)
	for _, l := range m.listed {
		for _, c := range l.contents {
			requireContent(m.t, m.s, []byte(c))
		}
	}
	for _, session := range m.sessions {
		for _, c := range session.contents {
			requireContent(m.t, session, []byte(c))
		}
	}
}
