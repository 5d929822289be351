package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"dogear/internal/atomicfile"
	"dogear/snapshot"
	"dogear/store/catalog"
	"dogear/store/chunk"
)

// Commit makes the session's content durable, reads it back, and then makes
// the snapshot visible. If it fails, nothing of the session remains.
func (s *Session) Commit(ctx context.Context, snap snapshot.Snapshot) error {
	if !s.end() {
		return ErrEnded
	}
	defer s.close()
	if err := s.commit(ctx, snap); err != nil {
		err = errors.Join(err, s.packer.Abort())
		return s.store.explain(fmt.Errorf("commit snapshot %s: %w", snap.ID, err))
	}
	return nil
}

func (s *Session) commit(ctx context.Context, snap snapshot.Snapshot) error {
	if err := checkName(string(snap.ID)); err != nil {
		return err
	}
	packs, err := s.packer.Finish()
	if err != nil {
		return err
	}
	s.store.step("sealed")
	if err := complete(ctx, s, snap); err != nil {
		return err
	}
	s.store.step("verified")
	return s.store.publish(packs, snap)
}

// publish puts packs and snapshot in place, durable, and lists them.
func (s *Store) publish(packs []chunk.Pack, snap snapshot.Snapshot) error {
	record, err := encodeRecord(typeSnapshot, snap)
	if err != nil {
		return err
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if err := s.isNew(snap.ID); err != nil {
		return err
	}
	if err = s.place(packs, snap.ID, record); err == nil {
		err = s.catalog.Publish(packs, listing(snap, record))
	}
	if err != nil {
		return errors.Join(err, s.unpublish(packs, snap.ID))
	}
	s.step("listed")
	return s.readListed(snap.ID, record)
}

// listing returns what the catalog needs to list a snapshot.
func listing(snap snapshot.Snapshot, record []byte) catalog.Snapshot {
	return catalog.Snapshot{
		Entry:     catalog.Entry{Key: string(snap.ID), Record: record},
		Workspace: catalog.Workspace{ID: snap.Workspace.ID, Root: snap.Workspace.Root},
	}
}

// isNew returns ErrExists for a snapshot that is listed or was deleted.
func (s *Store) isNew(id snapshot.ID) error {
	for _, kind := range []catalog.Records{catalog.Snapshots, catalog.Deletions} {
		if taken, err := s.catalog.Has(kind, string(id)); err != nil {
			return err
		} else if taken {
			return ErrExists
		}
	}
	return nil
}

func (s *Store) place(packs []chunk.Pack, id snapshot.ID, record []byte) error {
	if err := s.placePacks(packs); err != nil {
		return err
	}
	s.step("durable")
	if err := atomicfile.Write(s.snapshotPath(id), 0o600, record); err != nil {
		return err
	}
	s.step("recorded")
	return nil
}

// placePacks moves finished packs to where packs are, durable.
func (s *Store) placePacks(packs []chunk.Pack) error {
	for _, p := range packs {
		if err := os.Rename(chunk.Path(s.Incoming(), p.Name), s.packPath(p.Name)); err != nil {
			return fmt.Errorf("move pack: %w", err)
		}
		s.step("moved")
	}
	return atomicfile.SyncDir(s.path(packsDir))
}

// unpublish takes back what place did. If the catalog failed in a way that
// leaves the snapshot listed, its files have to stay.
func (s *Store) unpublish(packs []chunk.Pack, id snapshot.ID) error {
	if listed, err := s.catalog.Has(catalog.Snapshots, string(id)); err != nil || listed {
		return errors.Join(err, errors.New("it is not certain whether the snapshot is listed; its files were kept"))
	}
	errs := []error{removeIfThere(s.snapshotPath(id))}
	for _, p := range packs {
		errs = append(errs, removeIfThere(s.packPath(p.Name)))
	}
	return errors.Join(errs...)
}

// readListed reads back the record and the catalog's entry.
func (s *Store) readListed(id snapshot.ID, want []byte) error {
	recorded, err := os.ReadFile(s.snapshotPath(id))
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	listed, err := s.catalog.Record(catalog.Snapshots, string(id))
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(recorded, want) || !bytes.Equal(listed, want) {
		return fmt.Errorf("read back: snapshot %s is not what was written: %w", id, ErrDamaged)
	}
	return nil
}

// explain says so when the disk is full.
func (s *Store) explain(err error) error {
	if isFull(err) {
		return fmt.Errorf("no space left for the store %s: %w", s.dir, err)
	}
	return err
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func (s *Store) packPath(name string) string { return chunk.Path(s.path(packsDir), name) }

func (s *Store) snapshotPath(id snapshot.ID) string {
	return s.recordPath(snapshotRecords(), string(id))
}
