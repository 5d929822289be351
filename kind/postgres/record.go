package postgres

import (
	"encoding/json"
	"fmt"

	"dogear/kind"
)

// recordName is the name under which a server's record is cached.
const recordName = "server"

// record is what a server said about itself when it could be asked. It is
// kept so that a stopped server has the same items as a running one.
type record struct {
	DataDir     string   `json:"data_dir"`
	Databases   []string `json:"databases"`        // sorted
	Tablespaces []string `json:"tablespaces"`      // their directories, sorted
	WAL         string   `json:"wal,omitempty"`    // directory of the write-ahead log, if it is elsewhere
	Run         string   `json:"run,omitempty"`    // of the container, in which WAL was looked for
	Absent      []string `json:"absent,omitempty"` // databases that dogear.yaml names and the server does not have

	there []string // all databases, if the server was asked just now
}

// loadRecord returns the zero record if there is none that can be read.
func loadRecord(ws *kind.Workspace, container kind.ID) record {
	var r record
	if ws.Cache == nil {
		return r
	}
	if err := json.Unmarshal(ws.Cache.Load(container, recordName), &r); err != nil {
		return record{}
	}
	return r
}

func (r record) save(ws *kind.Workspace, container kind.ID) error {
	if ws.Cache == nil {
		return nil
	}
	content, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode what the server said: %w", err)
	}
	return ws.Cache.Save(container, recordName, content)
}
