package api

import (
	"time"

	"dogear/kind"
	"dogear/restore"
	"dogear/snapshot"
)

// These travel as the engines make them.
type (
	Gap         = kind.Gap
	Delta       = kind.Delta
	Explanation = kind.Explanation
	Difference  = snapshot.Difference
	Receipt     = snapshot.Receipt
	Event       = snapshot.Event
	Timings     = snapshot.Timings
	Bytes       = snapshot.Bytes
	Plan        = restore.Plan
	Step        = restore.Step
	Cleared     = restore.Cleared

	RestoreTimings = snapshot.RestoreTimings
	Retention      = snapshot.Retention
)

// Running is the half of a comparison that is of facts, once everything runs.
const Running = snapshot.Running

// Snapshot identifies a snapshot.
type Snapshot struct {
	ID          snapshot.ID          `json:"id"`
	State       snapshot.Digest      `json:"state"`
	Reason      snapshot.Reason      `json:"reason"`
	Workspace   snapshot.Workspace   `json:"workspace"`
	Created     time.Time            `json:"created"`
	Instant     time.Time            `json:"instant"`
	Note        string               `json:"note"`
	Ticket      string               `json:"ticket"`
	Name        string               `json:"name"`
	Author      string               `json:"author"`
	Pinned      bool                 `json:"pinned"`
	Before      snapshot.ID          `json:"before,omitempty"`
	Consistency snapshot.Consistency `json:"consistency"`
}

// Part is one part of a snapshot, without its content.
type Part struct {
	ID          kind.ID              `json:"id"`
	Needs       []kind.ID            `json:"needs,omitempty"`
	Consistency snapshot.Consistency `json:"consistency"`
	Fidelity    kind.Fidelity        `json:"fidelity,omitempty"` // reduced: not_captured says what is lost
	Facts       Facts                `json:"facts"`
	Crumbs      []string             `json:"crumbs,omitempty"` // where a person was
}

// Facts counts and digests the facts of a part.
type Facts struct {
	Count  int64           `json:"count"`
	Digest snapshot.Digest `json:"digest"`
}

// Exhibit is something to read that a snapshot holds.
type Exhibit struct {
	Snapshot snapshot.ID `json:"snapshot"`
	Part     kind.ID     `json:"part"`
	Name     string      `json:"name"`
	Content  []byte      `json:"content"` // base64 in JSON: it need not be text
}

// Contents is what a snapshot holds and what it cost.
type Contents struct {
	Timings Timings `json:"timings"`
	Bytes   Bytes   `json:"bytes"`
	// Delta says how what had changed was kept while everything stood still.
	Delta       kind.Delta `json:"delta,omitzero"`
	Parts       []Part     `json:"parts"`
	NotCaptured []Gap      `json:"not_captured"`
}

// CaptureResult is the result of save and pause.
type CaptureResult struct {
	Snapshot Snapshot `json:"snapshot"`
	Contents
	// Cleared says how a pause left what it was to leave clean.
	Cleared []Cleared `json:"cleared,omitempty"`
}

// SnapshotDetail is a snapshot as list and show give it.
type SnapshotDetail struct {
	Snapshot
	Contents
}

// RestoreResult is the result of resume, restore and undo. In a dry run only
// Plan is set.
type RestoreResult struct {
	Source  Snapshot                 `json:"source"`
	Target  snapshot.Workspace       `json:"target"`
	Plan    *restore.Plan            `json:"plan,omitempty"`
	Receipt *Receipt                 `json:"receipt,omitempty"`
	Safety  snapshot.ID              `json:"safety,omitempty"`
	Timings *snapshot.RestoreTimings `json:"timings,omitempty"`
	// Pulled lists what comes along with what was selected.
	Pulled []restore.Pulled `json:"pulled,omitempty"`
	// Copy says that Target is a copy, and the workspace was not touched.
	Copy bool `json:"copy,omitempty"`
	// Undone is the event that an undo took back.
	Undone *Event `json:"undone,omitempty"`
	// Away is how long ago the pause was that a resume went back to.
	AwayMS int64 `json:"away_ms,omitempty"`
	// Unhealthy says what did not become healthy, if anything.
	Unhealthy []string `json:"unhealthy,omitempty"`
}

// RehearseResult is the result of rehearse.
type RehearseResult struct {
	Source    Snapshot           `json:"source"`
	Workspace snapshot.Workspace `json:"workspace"`
	restore.Rehearsed
}

// ReceiptResult is a receipt as it was written. Reading it compares it with
// what the log says about it.
type ReceiptResult struct {
	Receipt Receipt         `json:"receipt"`
	Proof   snapshot.Digest `json:"proof"` // SHA-256 of its record
	Event   uint64          `json:"event"` // that names it
}

// CompareResult is the result of verify and status.
type CompareResult struct {
	Snapshot      Snapshot           `json:"snapshot"`
	Workspace     snapshot.Workspace `json:"workspace"`
	Identical     bool               `json:"identical"`
	Differences   []Difference       `json:"differences"`
	NotComparable []Gap              `json:"not_comparable"`
}

// DiffResult is the result of diff. B is nil if it was the live state.
type DiffResult struct {
	Workspace snapshot.Workspace `json:"workspace"`
	A         Snapshot           `json:"a"`
	B         *Snapshot          `json:"b,omitempty"`
	Changes   []Difference       `json:"changes"`
	// Explanations say what lies behind changes, if that was asked for.
	Explanations []Explanation `json:"explanations,omitempty"`
	// NotComparable lists what one side cannot say anything about.
	NotComparable []Gap `json:"not_comparable"`
}

// FindResult is what was found in a workspace.
type FindResult struct {
	Workspace snapshot.Workspace `json:"workspace"`
	Items     []Item             `json:"items"`
}

// Item is one thing that was found.
type Item struct {
	ID     kind.ID   `json:"id"`
	Root   string    `json:"root,omitempty"`
	Needs  []kind.ID `json:"needs,omitempty"`
	RunsIn kind.ID   `json:"runs_in,omitzero"`
}

// HealResult lists what had been interrupted and was brought to an end.
type HealResult struct {
	Workspace snapshot.Workspace `json:"workspace"`
	Healed    []Event            `json:"healed"`
	// Finished is a restore that was gone on with, and done.
	Finished *RestoreResult `json:"finished,omitempty"`
}

// Check is one line of the doctor's report.
type Check struct {
	Name   string `json:"name"`
	Status Health `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Health is the outcome of a check.
type Health string

// The outcomes of a check.
const (
	OK   Health = "ok"
	Warn Health = "warn"
	Fail Health = "fail"
)

// AgentStatus describes a running agent and its jobs.
type AgentStatus struct {
	Running bool      `json:"running"`
	PID     int       `json:"pid"`
	Store   string    `json:"store"`
	Started time.Time `json:"started,omitzero"`
	// Resident says that the agent stays when its clients leave.
	Resident bool  `json:"resident"`
	Jobs     []Job `json:"jobs"`
}

// Job is one thing that an agent is doing, and for whom.
type Job struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"` // save, pause, …
	Workspace string    `json:"workspace,omitempty"`
	User      string    `json:"user"`
	PID       int       `json:"pid"` // of the client
	Since     time.Time `json:"since"`
}
