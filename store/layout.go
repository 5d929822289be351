package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"dogear/internal/atomicfile"
	"dogear/internal/content"
)

// What is in a store (docs/format.md).
const (
	formatFile     = "format.json"
	keyFile        = "key"
	lockFile       = "lock"
	catalogFile    = "catalog.db"
	packsDir       = "packs"
	incomingDir    = "incoming"
	journalDir     = "journal"
	snapshotsDir   = "snapshots"
	annotationsDir = "annotations"
	deletionsDir   = "deletions"
	receiptsDir    = "receipts"
	eventsDir      = "events"
	cacheDir       = "cache"
	reserveFile    = "reserve"
)

// asideInfix is between the catalog's name and the time at which it was set
// aside.
const asideInfix = ".damaged-"

const secretSize = 32

const (
	errReadOnly = syscall.EROFS
	errNotDir   = syscall.ENOTDIR
)

func directories() []string {
	return append(recordDirs(), packsDir, incomingDir, journalDir, cacheDir)
}

// format is the body of format.json. Only hash and codec have to be known to
// read a store; how content is cut says why the same content may be there
// under other ids.
type format struct {
	Hash    string  `json:"hash"`
	Chunker chunker `json:"chunker"`
	Lists   chunker `json:"lists"`
	Paged   paged   `json:"paged"`
	Codec   string  `json:"codec"`
	Key     string  `json:"key"` // SHA-256 of the key, which has no other checksum
}

// chunker says how content is cut where it says so itself, sizes in bytes.
type chunker struct {
	Algorithm string `json:"algorithm"`
	Min       int    `json:"min"`
	Normal    int    `json:"normal"`
	Max       int    `json:"max"`
}

// paged says how files are cut that are updated in place, in bytes.
type paged struct {
	Page  int `json:"page"`
	Block int `json:"block"`
}

// currentFormat says what this version does.
func currentFormat(secret []byte) format {
	return format{
		Key:  fmt.Sprintf("%x", sha256.Sum256(secret)),
		Hash: "sha256", Codec: "zstd",
		Chunker: chunker{Algorithm: content.Algorithm, Min: content.MinSize, Normal: content.NormalSize, Max: content.MaxSize},
		Lists:   chunker{Algorithm: content.Algorithm, Min: content.FineMinSize, Normal: content.FineNormalSize, Max: content.FineMaxSize},
		Paged:   paged{Page: content.PageSize, Block: content.BlockSize},
	}
}

func (f format) readable() bool {
	now := currentFormat(nil)
	return f.Hash == now.Hash && f.Codec == now.Codec
}

// prepareDir makes sure that dir is a private directory with nothing but a
// store, or the beginnings of one, in it.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if err := checkPrivate(dir, info); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if err := checkOurs(dir, entries); err != nil {
		return err
	}
	return checkEntries(dir, entries)
}

// checkOurs refuses a directory in which something else lives: nothing would
// be lost, but it is hardly what was meant.
func checkOurs(dir string, entries []fs.DirEntry) error {
	ours := append(directories(), keyFile, lockFile, catalogFile, reserveFile)
	for _, e := range entries {
		if e.Name() == formatFile {
			return nil
		}
	}
	for _, e := range entries {
		if !slices.Contains(ours, e.Name()) && !atomicfile.IsTemp(e.Name()) && !strings.HasPrefix(e.Name(), catalogFile+asideInfix) {
			return fmt.Errorf("%s is in it: %w", filepath.Join(dir, e.Name()), ErrNotStore)
		}
	}
	return nil
}

func checkEntries(dir string, entries []fs.DirEntry) error {
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a temporary file of the process that has the store open
		}
		if err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		if info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a symbolic link: %w", path, ErrNotPrivate)
		}
		if err := checkPrivate(path, info); err != nil {
			return err
		}
	}
	return nil
}

func checkPrivate(path string, info fs.FileInfo) error {
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, so others may use it (chmod go= %s): %w", path, perm, path, ErrNotPrivate)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, not to user %d: %w", path, stat.Uid, os.Geteuid(), ErrNotPrivate)
	}
	return nil
}

// prepareFiles creates a new store's files, format.json last, or checks that
// an old one is of a format that we know. It runs under the lock.
func (s *Store) prepareFiles() error {
	path := s.path(formatFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return s.create(path)
	}
	f, err := s.readFormat()
	if err != nil {
		return err
	}
	if !f.readable() {
		return fmt.Errorf("it uses hash %s and codec %s: %w", f.Hash, f.Codec, ErrNewer)
	}
	return s.makeDirs() // cache and incoming may have been deleted
}

func (s *Store) readFormat() (f format, err error) {
	return f, readRecord(s.path(formatFile), typeStore, &f)
}

func (s *Store) create(path string) error {
	if err := s.checkEmpty(); err != nil {
		return err
	}
	if err := s.makeDirs(); err != nil {
		return err
	}
	secret := make([]byte, secretSize)
	rand.Read(secret)
	if err := atomicfile.Write(s.path(keyFile), 0o600, secret); err != nil {
		return err
	}
	return writeRecord(path, typeStore, currentFormat(secret))
}

// checkEmpty refuses to make a new store over one that lost its format.json:
// a new key would make all that is redacted incomparable.
func (s *Store) checkEmpty() error {
	for _, dir := range []string{packsDir, snapshotsDir} {
		entries, err := os.ReadDir(s.path(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(entries) > 0 {
			return fmt.Errorf("there is content, but no %s: %w", formatFile, ErrDamaged)
		}
	}
	return nil
}

func (s *Store) makeDirs() error {
	made := false
	for _, dir := range directories() {
		err := os.Mkdir(s.path(dir), 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		made = made || err == nil
	}
	if !made {
		return nil
	}
	return atomicfile.SyncDir(s.dir)
}

// readSecret reads the key and compares it with the digest in format.json.
func (s *Store) readSecret() ([]byte, error) {
	secret, err := os.ReadFile(s.path(keyFile))
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	f, err := s.readFormat()
	if err != nil {
		return nil, err
	}
	if len(secret) != secretSize || f.Key != currentFormat(secret).Key {
		return nil, fmt.Errorf("%s: it is not the key that the store was made with: %w", keyFile, ErrDamaged)
	}
	return secret, nil
}

// clean removes what killed processes left. It runs under the lock, so nobody
// is writing.
func (s *Store) clean() error {
	leftovers, err := os.ReadDir(s.Incoming())
	if err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	var errs []error
	for _, e := range leftovers {
		errs = append(errs, os.RemoveAll(s.path(incomingDir, e.Name())))
	}
	for _, dir := range append(directories(), "") {
		errs = append(errs, atomicfile.RemoveTemps(s.path(dir)))
	}
	return errors.Join(errs...)
}

// randomName returns a name that nothing else has.
func randomName() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b, nil
}
