// Package rowproof remembers what the rows of tables were when they were read
// last, so that a table is not read again that did not change. How that is
// proven is the driver's: it makes a key that stands for a table in one state.
package rowproof

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"dogear/kind"
)

// Rows are what a table was.
type Rows struct {
	// Sum is how many there are, and their digest.
	Sum string `json:"sum"`
	// Object holds them, if they were stored.
	Object *kind.Object `json:"object,omitempty"`
}

// Known is what is known of the tables of an item. It forgets what nobody asks
// for. Nil knows nothing.
type Known struct {
	cache kind.Cache
	id    kind.ID

	mu       sync.Mutex
	old, new map[string]Rows // guarded by mu; by key
}

const (
	name    = "tables"
	version = 1
)

type stored struct {
	Version int
	Tables  map[string]Rows
}

// Load returns what is known of an item; nothing without a cache.
func Load(cache kind.Cache, id kind.ID) *Known {
	k := &Known{cache: cache, id: id, new: make(map[string]Rows)}
	if cache == nil {
		return k
	}
	var s stored
	if err := json.Unmarshal(cache.Load(id, name), &s); err == nil && s.Version == version {
		k.old = s.Tables
	}
	return k
}

// Of returns the rows of the state that a key stands for. The empty key stands
// for none.
func (k *Known) Of(key string) (Rows, bool) {
	if k == nil || key == "" {
		return Rows{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	rows, ok := k.old[key]
	if ok {
		k.new[key] = rows
	}
	return rows, ok
}

// Note notes the rows of a state. Where they are stored is not forgotten if it
// is not said again.
func (k *Known) Note(key string, rows Rows) {
	if k == nil || key == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if rows.Object == nil {
		rows.Object = k.old[key].Object
	}
	k.new[key] = rows
}

// Save keeps what was learned.
func (k *Known) Save() error {
	if k == nil || k.cache == nil || maps.Equal(k.old, k.new) {
		return nil
	}
	content, err := json.Marshal(stored{Version: version, Tables: k.new})
	if err != nil {
		return fmt.Errorf("encode what the tables were: %w", err)
	}
	return k.cache.Save(k.id, name, content)
}
