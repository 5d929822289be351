package api

import "dogear/snapshot"

// RemoveResult is the result of rm.
type RemoveResult struct {
	Workspace snapshot.Workspace `json:"workspace"`
	DryRun    bool               `json:"dry_run"`
	Removed   []Snapshot         `json:"removed"`
}

// CheckResult is the result of check.
type CheckResult struct {
	Store     string    `json:"store"`
	ReadData  bool      `json:"read_data"` // every byte was read back
	Whole     bool      `json:"whole"`
	Snapshots int       `json:"snapshots"`
	Packs     int       `json:"packs"`
	Chunks    int       `json:"chunks"`
	Bytes     int64     `json:"bytes"`
	Problems  []Problem `json:"problems"`
}

// Problem is something that is wrong with a store.
type Problem struct {
	Where string `json:"where"` // a file of the store, or a snapshot
	What  string `json:"what"`
	Hint  string `json:"hint"` // what to do about it
}
