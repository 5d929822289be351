package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// Workspace is a workspace that has snapshots.
type Workspace struct{ ID, Root string }

// Snapshot is a snapshot for Publish.
type Snapshot struct {
	Entry     // keyed by its id
	Workspace Workspace
}

// Annotated is a listed snapshot, and its annotation, or nil.
type Annotated struct {
	Entry
	Annotation []byte
}

// Snapshot returns a snapshot. Its record is nil if there is none of that id.
func (c *Catalog) Snapshot(id string) (s Annotated, err error) {
	if id == "" {
		return s, nil
	}
	err = c.view(func(tx *bbolt.Tx) error {
		s = annotated(tx, []byte(id))
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("read snapshot %s of catalog: %w", id, err)
	}
	return s, nil
}

// Snapshots returns the snapshots of a workspace, or all if it is "", the
// highest id first.
func (c *Catalog) Snapshots(workspace string) ([]Annotated, error) {
	list := []Annotated{}
	err := c.view(func(tx *bbolt.Tx) error {
		for _, id := range snapshotIDs(tx, workspace) {
			s := annotated(tx, id)
			if s.Record == nil {
				return fmt.Errorf("snapshot %q of workspace %q is not there: %w", id, workspace, ErrDamaged)
			}
			list = append(list, s)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	slices.Reverse(list)
	return list, nil
}

// HighestID returns the highest id of a snapshot, or "".
func (c *Catalog) HighestID() (id string, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		last, _ := tx.Bucket([]byte(Snapshots)).Cursor().Last()
		id = string(last)
		return nil
	})
	return id, err
}

func annotated(tx *bbolt.Tx, id []byte) Annotated {
	return Annotated{
		Entry:      Entry{Key: string(id), Record: bytes.Clone(tx.Bucket([]byte(Snapshots)).Get(id))},
		Annotation: bytes.Clone(tx.Bucket([]byte(Annotations)).Get(id)),
	}
}

// snapshotIDs returns the keys of a workspace's snapshots, ascending.
func snapshotIDs(tx *bbolt.Tx, workspace string) [][]byte {
	if workspace == "" {
		return keys(tx.Bucket([]byte(Snapshots)), nil)
	}
	return keys(tx.Bucket([]byte(bucketOrder)), orderKey(workspace, ""))
}

// keys returns what follows the prefix in those keys that have it.
func keys(bucket *bbolt.Bucket, prefix []byte) [][]byte {
	var found [][]byte
	cursor := bucket.Cursor()
	for k, _ := cursor.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = cursor.Next() {
		found = append(found, bytes.Clone(k[len(prefix):]))
	}
	return found
}

func orderKey(workspace, id string) []byte {
	return append(append([]byte(workspace), 0), id...)
}

// Order returns the keys of the lists of snapshots by workspace: the id of a
// workspace, a zero byte, and the id of a snapshot.
func (c *Catalog) Order() (order []string, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		for _, k := range keys(tx.Bucket([]byte(bucketOrder)), nil) {
			order = append(order, string(k))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	return order, nil
}

// Workspaces returns all workspaces that have snapshots, sorted by id.
func (c *Catalog) Workspaces() ([]Workspace, error) {
	list := []Workspace{}
	err := c.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketWorkspaces)).ForEach(func(id, root []byte) error {
			list = append(list, Workspace{ID: string(id), Root: string(root)})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list workspaces: %w", err)
	}
	return list, nil
}

// EventKey returns the key of the event of that number: they sort by it.
func EventKey(seq uint64) string { return string(binary.BigEndian.AppendUint64(nil, seq)) }

// LastEvent returns the sequence number and the record of the last event: 0 and
// nil if there is none.
func (c *Catalog) LastEvent() (seq uint64, record []byte, err error) {
	err = c.view(func(tx *bbolt.Tx) error {
		if last, value := tx.Bucket([]byte(Events)).Cursor().Last(); len(last) == 8 {
			seq, record = binary.BigEndian.Uint64(last), bytes.Clone(value)
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("number event: %w", err)
	}
	return seq, record, nil
}
