package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dogear/internal/atomicfile"
	"dogear/snapshot"
	"dogear/store/catalog"
)

// deletion is the body of the record that says that a snapshot was deleted.
type deletion struct {
	Snapshot snapshot.ID `json:"snapshot"`
	Time     time.Time   `json:"time"`
}

// deletedExtension ends the name of a deletion's second copy, which lies where
// the snapshot's record was. With two, in two directories, a deletion outlives
// the loss of any one file, and an old catalog put back beside it.
const deletedExtension = ".deleted"

// Delete takes snapshots from the list for good. Each is deleted or, after an
// error, still there. What only they needed stays until Prune. It returns
// ErrNotFound, and deletes nothing, if one of them is not there.
func (s *Store) Delete(ctx context.Context, ids ...snapshot.ID) error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	for _, id := range ids {
		if err := s.deletable(id); err != nil {
			return fmt.Errorf("delete snapshot %s: %w", id, err)
		}
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.MakingRoom(func() error { return s.deleteOne(id) }); err != nil {
			return s.explain(fmt.Errorf("delete snapshot %s: %w", id, err))
		}
	}
	return nil
}

// deletable returns ErrNotFound for a snapshot that is neither listed nor
// recorded: what is damaged is not listed, and has to be deletable.
func (s *Store) deletable(id snapshot.ID) error {
	if err := checkName(string(id)); err != nil {
		return err
	}
	listed, err := s.catalog.Has(catalog.Snapshots, string(id))
	if err != nil || listed {
		return err
	}
	recorded, err := exists(s.snapshotPath(id))
	if err == nil && !recorded {
		err = ErrNotFound
	}
	return err
}

// deleteOne records the deletion first: once it is durable, whoever opens the
// store next does the rest.
func (s *Store) deleteOne(id snapshot.ID) error {
	record, err := encodeRecord(typeDeletion, deletion{Snapshot: id, Time: s.now().UTC()})
	if err != nil {
		return err
	}
	entry := catalog.Entry{Key: string(id), Record: record}
	if err := s.recordDeletion(entry); err != nil {
		return errors.Join(err, s.unrecordDeletion(entry))
	}
	return s.finishDeletion(entry)
}

// recordDeletion writes both copies and unlists the snapshot.
func (s *Store) recordDeletion(e catalog.Entry) error {
	for i, path := range s.deletionPaths(e.Key) {
		if err := atomicfile.Write(path, 0o600, e.Record); err != nil {
			return err
		}
		s.step(fmt.Sprintf("deletion recorded %d", i+1))
	}
	if err := s.catalog.Forget(e); err != nil {
		return err
	}
	s.step("deletion listed")
	return nil
}

// unrecordDeletion takes back what recordDeletion did, unless the snapshot is
// not listed any more.
func (s *Store) unrecordDeletion(e catalog.Entry) error {
	if deleted, err := s.catalog.Has(catalog.Deletions, e.Key); err != nil || deleted {
		return errors.Join(err, errors.New("it is not certain whether the snapshot is deleted"))
	}
	var errs []error
	for _, path := range s.deletionPaths(e.Key) {
		errs = append(errs, removeIfThere(path))
	}
	return errors.Join(errs...)
}

// finishDeletion removes what the snapshot has left.
func (s *Store) finishDeletion(e catalog.Entry) error {
	return errors.Join(
		removeIfThere(s.snapshotPath(snapshot.ID(e.Key))),
		removeIfThere(s.recordPath(annotationRecords(), e.Key)))
}

// deletionPaths returns where the two copies of a deletion's record are.
func (s *Store) deletionPaths(id string) []string {
	return []string{s.recordPath(deletionRecords(), id), s.path(snapshotsDir, id+deletedExtension)}
}
