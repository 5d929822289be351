package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"dogear/kind"
)

// ID names a snapshot: a ULID in lower case, so that ids sort by time.
type ID string

// Digest is a SHA-256 in hexadecimal.
type Digest string

// Reason says which command took a snapshot.
type Reason string

// The reasons for a snapshot.
const (
	ReasonSave   Reason = "save"
	ReasonPause  Reason = "pause"
	ReasonSafety Reason = "safety" // before a restore
	ReasonImport Reason = "import" // a dump of another program
	ReasonFound  Reason = "found"  // what was written to what an interrupted restore had begun, before it was taken back or gone on with
)

// Consistency says how firmly a part is tied to the snapshot's instant. It is
// computed from measured intervals.
type Consistency string

// The consistencies, from the strongest to the weakest.
const (
	Stopped     Consistency = "stopped"     // its writers had stopped
	Frozen      Consistency = "frozen"      // nothing wrote to it around the instant: its writers were frozen, or it was looked at before and after and had not changed
	Transaction Consistency = "transaction" // a transaction that was open at the instant
	Live        Consistency = "live"        // it changed while it was being read
)

// Snapshot is the parts of a workspace at one point in time.
type Snapshot struct {
	ID        ID        `json:"id"`
	State     Digest    `json:"state"` // over all facts of all parts; time, note and id are outside it
	Reason    Reason    `json:"reason"`
	Workspace Workspace `json:"workspace"`
	Created   time.Time `json:"created"`
	Instant   time.Time `json:"instant"` // the point in time that the parts belong to

	Note   string `json:"note,omitempty"`
	Pinned bool   `json:"pinned,omitempty"` // kept until a person deletes it
	Ticket string `json:"ticket,omitempty"`
	Name   string `json:"name,omitempty"`
	Author string `json:"author,omitempty"` // user@host
	// Before names the snapshot or operation that a safety snapshot precedes.
	Before ID `json:"before,omitempty"`

	Consistency Consistency `json:"consistency"` // the weakest of the parts
	Timings     Timings     `json:"timings"`
	Bytes       Bytes       `json:"bytes"`
	Delta       kind.Delta  `json:"delta,omitzero"`
	Parts       []Part      `json:"parts"`        // sorted by id
	NotCaptured []kind.Gap  `json:"not_captured"` // sorted; never nil
}

// Annotation is what a person says about a snapshot after it was taken.
type Annotation struct {
	Note   *string `json:"note,omitempty"`   // nil: as it is
	Pinned *bool   `json:"pinned,omitempty"` // nil: as it is
}

// With returns the annotation with what b says in place of what it said.
func (a Annotation) With(b Annotation) Annotation {
	if b.Note != nil {
		a.Note = b.Note
	}
	if b.Pinned != nil {
		a.Pinned = b.Pinned
	}
	return a
}

// Annotate puts the annotation in place of what was said when the snapshot was
// taken.
func (s *Snapshot) Annotate(a Annotation) {
	if a.Note != nil {
		s.Note = *a.Note
	}
	if a.Pinned != nil {
		s.Pinned = *a.Pinned
	}
}

// Workspace identifies a workspace.
type Workspace struct {
	ID   string `json:"id"`   // first 16 hexadecimal digits of SHA-256 of the root's path
	Root string `json:"root"` // absolute, links resolved
}

// Timings are in milliseconds, as everywhere in JSON.
type Timings struct {
	FreezeMS int64 `json:"freeze_ms"` // first freeze to last thaw
	OutageMS int64 `json:"outage_ms"` // first stop to last start; 0 if nothing was stopped, or if it stayed so
	TotalMS  int64 `json:"total_ms"`
}

// Bytes counts plain bytes read from the workspace, and bytes by which the
// store's files grew. Streamed counts plain bytes of content that came through
// the connection to who read it, as that could not reach the store.
type Bytes struct {
	Read     int64 `json:"read"`
	Added    int64 `json:"added"`
	Streamed int64 `json:"streamed,omitempty"`
}

// Part is a captured item together with its stored facts.
type Part struct {
	kind.Part
	Consistency Consistency `json:"consistency"`
	Facts       FactSet     `json:"facts"`
	// Reach lists every chunk that the part keeps alive; how is the store's
	// business. Garbage collection reads nothing else.
	Reach kind.Object `json:"reach"`
}

// FactSet is a stored, sorted stream of facts.
type FactSet struct {
	Count  int64       `json:"count"`
	Digest Digest      `json:"digest"`
	Object kind.Object `json:"object"`
}

// IsPartial reports whether the snapshot says nothing about what it does not
// have: it does not mean that there was nothing else.
func (s *Snapshot) IsPartial() bool { return s.Reason == ReasonImport || s.Reason == ReasonFound }

// Part returns the part with the given id.
func (s *Snapshot) Part(id kind.ID) (Part, bool) {
	for _, p := range s.Parts {
		if p.ID == id {
			return p, true
		}
	}
	return Part{}, false
}

// WorkspaceAt identifies the workspace with the given root.
func WorkspaceAt(root string) Workspace {
	sum := sha256.Sum256([]byte(root))
	return Workspace{ID: hex.EncodeToString(sum[:8]), Root: root}
}
