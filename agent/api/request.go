package api

import (
	"encoding/json"

	"dogear/kind"
)

// Workspace says for which workspace a request is, with its configuration.
type Workspace struct {
	// Dir is where the command was started; the workspace is found from
	// there upwards. With Exact, Dir is the workspace itself.
	Dir   string `json:"dir"`
	Exact bool   `json:"exact,omitempty"`

	// Sections of dogear.yaml that belong to a kind, by kind.
	Config map[string]json.RawMessage `json:"config,omitempty"`
	// Options are the values of -o kind.key=value, by "kind.key".
	Options map[string]string `json:"options,omitempty"`
	// Variables are those of the user's environment that Config refers to, as
	// ${NAME}. They may be secret, and are never written down.
	Variables map[string]string `json:"variables,omitempty"`

	Volatile []string `json:"volatile,omitempty"`
	Dumps    string   `json:"dumps,omitempty"` // auto, always or never
}

// References returns the names of the variables that a section of the
// configuration refers to as ${NAME}.
func References(section json.RawMessage) []string {
	var names []string
	for _, ref := range kind.Reference.FindAllString(string(section), -1) {
		names = append(names, ref[2:len(ref)-1])
	}
	return names
}

// CaptureRequest asks for a save or a pause.
type CaptureRequest struct {
	Workspace Workspace `json:"workspace"`
	Note      string    `json:"note,omitempty"`
	Ticket    string    `json:"ticket,omitempty"`
	Name      string    `json:"name,omitempty"`
	// Checkout leaves the repositories clean after a pause: at a branch, a tag
	// or a commit for all that have it, or REPOSITORY=REF for one.
	Checkout []string `json:"checkout,omitempty"`
}

// What becomes of a restore after which something is not healthy.
const (
	KeepUnhealthy     = "keep"
	RollBackUnhealthy = "rollback"
)

// UndoRequest asks for the last operation to be taken back.
type UndoRequest struct {
	Workspace Workspace `json:"workspace"`
	DryRun    bool      `json:"dry_run,omitempty"`
	YesRemote bool      `json:"yes_remote,omitempty"`
}

// RestoreRequest asks for a restore or a resume.
type RestoreRequest struct {
	Workspace Workspace `json:"workspace"`
	// Snapshot is an id prefix, a name, latest, latest~2 or a time. In a
	// resume it may be empty: the last pause.
	Snapshot string   `json:"snapshot,omitempty"`
	Only     []string `json:"only,omitempty"`
	Except   []string `json:"except,omitempty"`
	DryRun   bool     `json:"dry_run,omitempty"`
	// To has a restore make a copy in another directory (absolute), which is
	// empty or not there.
	To string `json:"to,omitempty"`
	// YesRemote lets it change what is on another machine.
	YesRemote bool `json:"yes_remote,omitempty"`
	// Exact makes a resume keep nothing of what was made in the meantime.
	Exact bool `json:"exact,omitempty"`
	// OnUnhealthy says what becomes of a restore after which something is not
	// healthy: "keep" (if empty) or "rollback".
	OnUnhealthy string `json:"on_unhealthy,omitempty"`
	// HealthyWithinMS bounds the wait for everything to be healthy; 0: the
	// agent's own bound.
	HealthyWithinMS int64 `json:"healthy_within_ms,omitempty"`
}

// RehearseRequest asks for a snapshot to be restored where it can reach
// nothing, and removed again.
type RehearseRequest struct {
	Workspace Workspace `json:"workspace"`
	Snapshot  string    `json:"snapshot"`
}

// RecoverRequest asks for what was interrupted to be brought to an end.
type RecoverRequest struct {
	Workspace Workspace `json:"workspace"`
	// Resume has an interrupted restore finished rather than taken back.
	Resume bool `json:"resume,omitempty"`
	// Rollback has it taken back also if what was written since would be lost.
	Rollback bool `json:"rollback,omitempty"`
}

// CompareRequest asks for a comparison of the live state with a snapshot
// (empty: the last one).
type CompareRequest struct {
	Workspace Workspace `json:"workspace"`
	Snapshot  string    `json:"snapshot,omitempty"`
}

// DiffRequest asks for what changed from A (empty: the last snapshot) to B
// (empty: the live state).
type DiffRequest struct {
	Workspace Workspace `json:"workspace"`
	A         string    `json:"a,omitempty"`
	B         string    `json:"b,omitempty"`
	// Explain has drivers say what lies behind what changed: Details of each
	// row or line, with Values that may be secret.
	Explain bool `json:"explain,omitempty"`
	Details bool `json:"details,omitempty"`
	Values  bool `json:"values,omitempty"`
}

// ImportRequest asks for a dump of another program to be taken as a part.
type ImportRequest struct {
	Workspace Workspace `json:"workspace"`
	Item      string    `json:"item"` // kind/name
	Path      string    `json:"path"` // absolute
	Note      string    `json:"note,omitempty"`
	Name      string    `json:"name,omitempty"`
}

// WorkspaceRequest asks about a workspace as a whole.
type WorkspaceRequest struct {
	Workspace Workspace `json:"workspace"`
}

// SnapshotRequest asks for one snapshot.
type SnapshotRequest struct {
	Workspace Workspace `json:"workspace"`
	Snapshot  string    `json:"snapshot"`
}

// ExhibitRequest asks for something to read that a snapshot holds.
type ExhibitRequest struct {
	Workspace Workspace `json:"workspace"`
	Snapshot  string    `json:"snapshot"`
	What      string    `json:"what"` // kind/name:what
}

// ReceiptRequest asks for a receipt: by the beginning of its id, or the last
// one if that is empty.
type ReceiptRequest struct {
	Workspace Workspace `json:"workspace"`
	Receipt   string    `json:"receipt,omitempty"`
}

// RemoveRequest asks to delete snapshots.
type RemoveRequest struct {
	Workspace Workspace `json:"workspace"`
	// Snapshots are named as anywhere, but for times.
	Snapshots []string `json:"snapshots"`
	// Force gives up what undo or resume would go back to.
	Force  bool `json:"force,omitempty"`
	DryRun bool `json:"dry_run,omitempty"`
}

// NoteRequest asks to change what is said about a snapshot. What is nil stays
// as it is.
type NoteRequest struct {
	Workspace Workspace `json:"workspace"`
	Snapshot  string    `json:"snapshot"`
	Note      *string   `json:"note,omitempty"`
	Pinned    *bool     `json:"pinned,omitempty"`
}

// CheckRequest asks whether the store is whole.
type CheckRequest struct {
	// ReadData has every byte read back, instead of only the structure.
	ReadData bool `json:"read_data,omitempty"`
}

// PruneRequest asks to delete what the retention of each workspace does not
// keep, and then to collect what no snapshot needs.
type PruneRequest struct {
	Workspaces []PruneWorkspace `json:"workspaces"`
	DryRun     bool             `json:"dry_run,omitempty"`
}

// PruneWorkspace is a workspace to which a retention applies.
type PruneWorkspace struct {
	Workspace Workspace `json:"workspace"`
	Retention Retention `json:"retention"`
}

// CancelRequest asks to cancel a job. The job's own stream says what came of
// it.
type CancelRequest struct {
	Job string `json:"job"`
}
