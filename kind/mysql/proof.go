package mysql

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"dogear/kind"
)

// proofs remember what the tables of a database were, so that a table is not
// read again that did not change: InnoDB notes the time of the last change of
// each table for as long as the server runs. A time that is not well past
// proves nothing, as it is kept in seconds.
type proofs struct {
	cache kind.Cache
	id    kind.ID
	run   string

	mu       sync.Mutex
	old, new map[string]proof // guarded by mu; by the key of a table
}

// proof is what a table was.
type proof struct {
	Sum    string       `json:"sum"`
	Object *kind.Object `json:"object,omitempty"` // its rows, if they were stored
}

const (
	proofsName    = "tables"
	proofsVersion = 1
)

type storedProofs struct {
	Version int
	Tables  map[string]proof
}

// loadProofs returns what is known; run stands for this run of the server. Where
// nobody can tell one run from the next nothing is.
func loadProofs(ws *kind.Workspace, id kind.ID, run string) *proofs {
	p := &proofs{cache: ws.Cache, id: id, run: run, new: make(map[string]proof)}
	if p.cache == nil {
		return p
	}
	var stored storedProofs
	if err := json.Unmarshal(p.cache.Load(id, proofsName), &stored); err == nil && stored.Version == proofsVersion {
		p.old = stored.Tables
	}
	return p
}

// key stands for a table in one state, "" if the server cannot tell. Nil
// proofs know nothing.
func (p *proofs) key(t *table) string {
	if p == nil || p.run == "" || t.stamp == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s", p.run, t.Name, t.stamp, t.Create))
	return hex.EncodeToString(sum[:16])
}

func (p *proofs) of(t *table) (proof, bool) {
	key := p.key(t)
	if key == "" {
		return proof{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.old[key]
	if !ok {
		return proof{}, false
	}
	p.new[key] = known
	return known, true
}

func (p *proofs) note(t *table, known proof) {
	key := p.key(t)
	if key == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known.Object == nil {
		known.Object = p.old[key].Object
	}
	p.new[key] = known
}

// save keeps what was learned.
func (p *proofs) save() error {
	if p.cache == nil {
		return nil
	}
	content, err := json.Marshal(storedProofs{Version: proofsVersion, Tables: p.new})
	if err != nil {
		return fmt.Errorf("encode what the tables were: %w", err)
	}
	return p.cache.Save(p.id, proofsName, content)
}
