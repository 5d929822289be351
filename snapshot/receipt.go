package snapshot

import (
	"slices"
	"time"

	"dogear/kind"
)

// Half says which half of a comparison found a difference.
type Half string

// The halves. At rest: every byte, before anything was started. Running: the
// facts of the live items.
const (
	AtRest  Half = "at_rest"
	Running Half = "running"
)

// Difference is one fact that is not what it should be. An empty Want means
// that it should not be there, an empty Have that it is missing. All strings
// are printable.
type Difference struct {
	Part kind.ID `json:"part"`
	Fact string  `json:"fact"`
	Want string  `json:"want"`
	Have string  `json:"have"`
	Half Half    `json:"half"`
}

// Kept is something that was made in the meantime and that a resume left, or,
// with OnlyInSafety, that it named: the safety snapshot has it.
type Kept struct {
	Part         kind.ID `json:"part"`
	What         string  `json:"what"`
	OnlyInSafety bool    `json:"only_in_safety,omitempty"`
}

// Receipt is the proof of a restore.
type Receipt struct {
	ID        string    `json:"id"`
	Snapshot  ID        `json:"snapshot"` // what was restored
	Safety    ID        `json:"safety"`   // the state before
	Workspace Workspace `json:"workspace"`
	Created   time.Time `json:"created"`

	Identical     bool         `json:"identical"`
	Differences   []Difference `json:"differences"`
	NotComparable []kind.Gap   `json:"not_comparable"`
	// ChangedAfterStart lists what differed from its bytes at rest once
	// everything ran, and that no fact speaks for: files, and what every start
	// chooses anew.
	ChangedAfterStart []Difference `json:"changed_after_start"`
	Kept              []Kept       `json:"kept"`

	// State digests of the snapshot and of the workspace after the restore.
	Want Digest `json:"want"`
	Have Digest `json:"have"`

	// Streamed counts plain bytes of content that went through the connection to
	// who wrote it, as that could not reach the store.
	Streamed int64 `json:"streamed,omitempty"`

	Parts   []PartReceipt  `json:"parts"`
	Timings RestoreTimings `json:"timings"`
}

// IdenticalAtRest reports whether every byte came back. What differs then
// differs since it was started: it may well be at work.
func (r *Receipt) IdenticalAtRest() bool {
	return !slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Half != Running })
}

// PartReceipt says how one part came back.
type PartReceipt struct {
	Part    kind.ID `json:"part"`
	Method  string  `json:"method"`            // none, create, patch, replace, recreate, remove, verify
	AtRest  string  `json:"at_rest,omitempty"` // identical, different, not comparable, or "" where there are no bytes at rest
	Running string  `json:"running,omitempty"`
	Read    string  `json:"read"` // read: what was written has been read; stat: nothing was, and the stat index was trusted
	Bytes   int64   `json:"bytes,omitempty"`
}

// RestoreTimings are in milliseconds.
type RestoreTimings struct {
	OutageMS  int64 `json:"outage_ms"`  // first stop to last start
	HealthyMS int64 `json:"healthy_ms"` // first stop until everything was healthy
	TotalMS   int64 `json:"total_ms"`
}

// Operation is what an event records.
type Operation string

// The operations.
const (
	OpSave    Operation = "save"
	OpPause   Operation = "pause"
	OpResume  Operation = "resume"
	OpRestore Operation = "restore"
	OpUndo    Operation = "undo"
	OpHeal    Operation = "heal" // an interrupted operation was rolled back
	OpRemove  Operation = "rm"
	OpPrune   Operation = "prune" // a snapshot was deleted that the retention does not keep
	OpNote    Operation = "note"
	OpImport  Operation = "import"
)

// Event is one thing that was done to a workspace. Events form its log.
type Event struct {
	Seq       uint64    `json:"seq"` // given by the catalog, ascending
	Time      time.Time `json:"time"`
	Operation Operation `json:"operation"`
	Workspace string    `json:"workspace"`          // Workspace.ID
	Snapshot  ID        `json:"snapshot,omitempty"` // taken or restored
	Safety    ID        `json:"safety,omitempty"`   // taken before
	Receipt   string    `json:"receipt,omitempty"`
	// Proof is the digest of the receipt, and Previous that of the event before
	// this one, in the log of all workspaces. The store gives them: each proves
	// all that was written before.
	Proof    Digest `json:"proof,omitempty"`
	Previous Digest `json:"previous,omitempty"`

	// Only and Except are what a restore was restricted to, and Options those
	// under which it was done, for an undo.
	Only    []string          `json:"only,omitempty"`
	Except  []string          `json:"except,omitempty"`
	Options map[string]string `json:"options,omitempty"`

	// Found has what was written to what was interrupted, before it was healed.
	Found ID `json:"found,omitempty"`

	Undoes  uint64 `json:"undoes,omitempty"` // Seq of the event that an undo took back
	Author  string `json:"author,omitempty"`
	Note    string `json:"note,omitempty"`
	Outcome string `json:"outcome"` // done, failed, rolled back
}
