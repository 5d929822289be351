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

// PruneResult is the result of prune. In a dry run it says what would go; what
// collecting would free then, is only what is garbage already.
type PruneResult struct {
	Store   string     `json:"store"`
	DryRun  bool       `json:"dry_run"`
	Removed []Snapshot `json:"removed"`
	Kept    []Kept     `json:"kept"`

	Chunks int       `json:"chunks"` // that are gone
	Freed  int64     `json:"freed"`  // bytes
	Packs  PackCount `json:"packs"`
	// Problems are packs that had to stay because they are damaged.
	Problems []Problem `json:"problems"`
}

// Kept is a snapshot that stays, and why.
type Kept struct {
	Snapshot
	Why []string `json:"why"`
}

// PackCount says what became of the packs of a store.
type PackCount struct {
	Removed   int `json:"removed"`
	Rewritten int `json:"rewritten"`
	Kept      int `json:"kept"`
}

// RepairResult is the result of repair. The numbers are of what is listed now.
type RepairResult struct {
	Store     string    `json:"store"`
	Packs     int       `json:"packs"`
	Chunks    int       `json:"chunks"`
	Snapshots int       `json:"snapshots"`
	Receipts  int       `json:"receipts"`
	Events    int       `json:"events"`
	Damaged   []Problem `json:"damaged"`   // what could not be listed
	Rewritten []string  `json:"rewritten"` // files that are whole again
	SetAside  string    `json:"set_aside"` // where the old catalog is now
}
