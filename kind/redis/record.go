package redis

import (
	"encoding/json"
	"fmt"

	"dogear/kind"
)

// recordName is the name under which a server's record is cached.
const recordName = "redis"

// record is where a server keeps its files, as it said when it could be asked.
// It is kept so that a stopped server has the same claims as a running one.
type record struct {
	Dir   string   `json:"dir"`
	Files []string `json:"files"` // in it, patterns, sorted
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
