package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"dogear/snapshot"
	"dogear/store/chunk"
)

// adopt lists what is in the store's files and not in the catalog: what a
// process had made durable when it was killed, or everything if the catalog
// was lost. What is damaged is left where it is, for Check to report.
func (s *Store) adopt() error {
	steps := []func() error{s.adoptPacks, s.adoptSnapshots, s.adoptReceipts, s.adoptEvents}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("bring the catalog up to date: %w", err)
		}
	}
	return nil
}

func (s *Store) adoptPacks() error {
	listed, err := s.listedPacks()
	if err != nil {
		return err
	}
	names, err := namesIn(s.path(packsDir), chunk.Extension)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := listed[name]; ok {
			continue
		}
		index, size, err := chunk.OpenIndex(s.packPath(name))
		if errors.Is(err, chunk.ErrDamaged) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.catalog.Publish([]chunk.Pack{{Name: name, Size: size, Index: index}}); err != nil {
			return err
		}
	}
	return nil
}

// listedPacks returns the sizes of the packs in the catalog, by name.
func (s *Store) listedPacks() (map[string]int64, error) {
	packs, err := s.catalog.Packs()
	if err != nil {
		return nil, err
	}
	listed := make(map[string]int64, len(packs))
	for _, p := range packs {
		listed[p.Name] = p.Size
	}
	return listed, nil
}

func (s *Store) adoptSnapshots() error {
	return adoptRecords(s.path(snapshotsDir), typeSnapshot,
		func(name string) (bool, error) { return s.catalog.HasSnapshot(snapshot.ID(name)) },
		func(snap snapshot.Snapshot) error {
			if complete(context.Background(), s, snap) != nil {
				return nil // its content is gone; Check says so
			}
			return s.catalog.Publish(nil, snap)
		})
}

func (s *Store) adoptReceipts() error {
	return adoptRecords(s.path(receiptsDir), typeReceipt, s.catalog.HasReceipt, s.catalog.PutReceipt)
}

func (s *Store) adoptEvents() error {
	return adoptRecords(s.path(eventsDir), typeEvent,
		func(name string) (bool, error) {
			seq, err := strconv.ParseUint(name, 10, 64)
			if err != nil {
				return true, nil // not ours
			}
			return s.catalog.HasEvent(seq)
		},
		s.catalog.PutEvent)
}

// adoptRecords gives list every record of a directory that is whole and not
// listed.
func adoptRecords[T any](dir string, t recordType, listed func(name string) (bool, error), list func(T) error) error {
	names, err := namesIn(dir, recordExtension)
	if err != nil {
		return err
	}
	for _, name := range names {
		if ok, err := listed(name); err != nil {
			return err
		} else if ok {
			continue
		}
		var v T
		err := readRecord(filepath.Join(dir, name+recordExtension), t, &v)
		if errors.Is(err, ErrDamaged) {
			continue
		}
		if err != nil {
			return err
		}
		if err := list(v); err != nil {
			return err
		}
	}
	return nil
}

// namesIn returns the names of the files in dir that end in extension, sorted
// and without it.
func namesIn(dir, extension string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), extension); ok && !e.IsDir() {
			names = append(names, name)
		}
	}
	return names, nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
