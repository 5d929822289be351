package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"dogear/snapshot"
	"dogear/store/catalog"
	"dogear/store/chunk"
)

// The errors that callers tell apart.
var (
	// ErrNotFound is returned for a chunk, snapshot or receipt that the store
	// does not have.
	ErrNotFound = errors.New("not in the store")
	// ErrNotWritable is returned by Open for a place that cannot be written.
	ErrNotWritable = errors.New("the store is not writable")
	// ErrNotPrivate is returned by Open if others own the store or may look
	// into it: it holds whatever the workspace holds, secrets included.
	ErrNotPrivate = errors.New("the store is not private")
	// ErrNotStore is returned by Open for a directory with something else in
	// it.
	ErrNotStore = errors.New("not a Dogear store")
	// ErrExists is returned by Commit for a snapshot id that is taken.
	ErrExists = catalog.ErrExists
	// ErrNewer is returned by Open for a store of a newer version.
	ErrNewer = catalog.ErrNewer
	// ErrOlder is returned by Open for a store of format 0, which promised
	// nothing.
	ErrOlder = catalog.ErrOlder
	// ErrDamaged says that bytes on disk are not what was written.
	ErrDamaged = chunk.ErrDamaged
	// ErrEnded is returned by a session that was committed or aborted.
	ErrEnded = chunk.ErrClosed
)

// Options are what a store needs from outside.
type Options struct {
	Now func() time.Time // the clock; nil means time.Now
	// Command names this program to others that want the store meanwhile. No
	// arguments: they may hold secrets.
	Command string
}

// Store is an open store. It is safe for concurrent use.
type Store struct {
	dir     string
	now     func() time.Time
	command string
	lock    *lock
	secret  []byte
	catalog *catalog.Catalog
	reader  *chunk.Reader
	step    func(name string) // told of steps between which a test comes in

	publishing sync.Mutex    // held while something is made visible
	tending    chan struct{} // has room for the one that looks after the whole store

	// reaching is held for reading while chunks are found to be there and are
	// noted as needed, and for writing while others are condemned.
	reaching sync.RWMutex

	reserving sync.Mutex // held while the reserve is changed

	mu       sync.Mutex // guards all below
	sessions map[*Session]struct{}
	holds    map[*hold]struct{}
}

var _ snapshot.Session = (*Session)(nil)

// Open opens the store in dir, and creates it if there is nothing. Only one
// process can have it open: for others Open returns a *LockedError. What a
// killed process left is cleaned up, and what it had made durable is listed.
//
// A catalog that is damaged is not opened (ErrDamaged), and needs Repair; one
// that is gone is made again.
func Open(dir string, opts Options) (*Store, error) {
	s, err := newStore(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", s.dir, errors.Join(notWritable(err), s.release()))
	}
	return s, nil
}

func newStore(dir string, opts Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Store{
		dir: dir, now: opts.Now, command: opts.Command, step: func(string) {}, tending: make(chan struct{}, 1),
		sessions: make(map[*Session]struct{}), holds: make(map[*hold]struct{}),
	}, err
}

func (s *Store) open() error {
	if err := s.take(); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	_, err := s.load(context.Background())
	return err
}

// take makes this process the one that has the store.
func (s *Store) take() (err error) {
	if err := prepareDir(s.dir); err != nil {
		return err
	}
	s.lock, err = takeLock(s.path(lockFile), s.holder())
	return err
}

// prepare reads or makes what a store has apart from content.
func (s *Store) prepare() (err error) {
	if err := s.prepareFiles(); err != nil {
		return err
	}
	s.secret, err = s.readSecret()
	return err
}

// load opens the catalog and brings it up to date. It returns what could not
// be listed.
func (s *Store) load(ctx context.Context) (problems []Problem, err error) {
	if s.catalog, err = catalog.Open(s.path(catalogFile)); err != nil {
		return nil, err
	}
	s.reader = chunk.NewReader()
	if err := s.clean(); err != nil {
		return nil, err
	}
	return s.adopt(ctx)
}

// tend waits until nobody else checks or prunes the store: each would find the
// other's work half done.
func (s *Store) tend(ctx context.Context) (done func(), err error) {
	select {
	case s.tending <- struct{}{}:
		return func() { <-s.tending }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close ends all sessions that are open, and gives the store free.
func (s *Store) Close() error {
	var errs []error
	for _, session := range s.openSessions() {
		errs = append(errs, session.Abort())
	}
	return errors.Join(append(errs, s.release())...)
}

func (s *Store) openSessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := make([]*Session, 0, len(s.sessions))
	for session := range s.sessions {
		sessions = append(sessions, session)
	}
	return sessions
}

// release closes what open has opened.
func (s *Store) release() error {
	var errs []error
	if s.reader != nil {
		s.reader.Close()
	}
	if s.catalog != nil {
		errs = append(errs, s.catalog.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

// holder is how this process names itself to others that want the store.
func (s *Store) holder() Holder {
	return Holder{PID: os.Getpid(), Command: s.command, Since: s.now().UTC()}
}

func (s *Store) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

// Dir returns the store's directory.
func (s *Store) Dir() string { return s.dir }

// JournalDir returns where journals of restores are kept.
func (s *Store) JournalDir() string { return s.path(journalDir) }

// Incoming returns the directory of packs that are being written.
func (s *Store) Incoming() string { return IncomingIn(s.dir) }

// IncomingIn returns that of the store in a directory.
func IncomingIn(dir string) string { return in(dir, incomingDir) }

// Packs returns the directory of finished packs.
func (s *Store) Packs() string { return PacksIn(s.dir) }

// PacksIn returns that of the store in a directory.
func PacksIn(dir string) string { return in(dir, packsDir) }

func in(dir, name string) string {
	if absolute, err := filepath.Abs(dir); err == nil { // else Open fails as well
		dir = absolute
	}
	return filepath.Join(dir, name)
}

// Secret returns the key of redacted values.
func (s *Store) Secret() []byte { return append([]byte(nil), s.secret...) }

// notWritable marks errors that mean that the place cannot be written.
func notWritable(err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, errReadOnly) || errors.Is(err, errNotDir) {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return err
}
