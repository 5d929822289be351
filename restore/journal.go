package restore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"dogear/internal/atomicfile"
	"dogear/kind"
	"dogear/snapshot"
)

// Journal is what has to be known to take back a restore that was
// interrupted. It is on disk before the first item is touched, and gone when
// the restore is done or taken back.
type Journal struct {
	path string

	Operation snapshot.Operation `json:"operation"`
	Workspace string             `json:"workspace"` // root
	Target    snapshot.ID        `json:"target"`
	Safety    snapshot.ID        `json:"safety"`
	Plan      Plan               `json:"plan"`
	// Alone lists the parts that come back without the trees they claim.
	Alone []kind.ID `json:"alone,omitempty"`
	// Stopped is when the first item was stopped; zero if none was.
	Stopped time.Time `json:"stopped,omitzero"`
	// Begun lists the items that may differ from the safety snapshot.
	Begun []kind.ID `json:"begun"`
}

func (j *Journal) save() error {
	content, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return atomicfile.Write(j.path, 0o600, content)
}

// begin records that an item is about to be touched.
func (j *Journal) begin(id kind.ID) error {
	if slices.Contains(j.Begun, id) {
		return nil
	}
	j.Begun = append(j.Begun, id)
	return j.save()
}

// remove ends the journal.
func (j *Journal) remove() error {
	if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end the journal: %w", err)
	}
	return nil
}

// ReadJournal reads the journal of an interrupted restore. It returns nil if
// there is none.
func ReadJournal(path string) (*Journal, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	j := &Journal{path: path}
	if err := json.Unmarshal(content, j); err != nil {
		return nil, fmt.Errorf("read the journal %s: %w", path, err)
	}
	return j, nil
}
