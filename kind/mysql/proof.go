package mysql

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"dogear/internal/rowproof"
	"dogear/kind"
)

// proofs know what the tables of a database were. InnoDB notes the time of the
// last change of each table for as long as the server runs. A time that is not
// well past proves nothing, as it is kept in seconds.
type proofs struct {
	*rowproof.Known
	run string
}

// loadProofs returns what is known; run stands for this run of the server. Where
// nobody can tell one run from the next nothing is.
func loadProofs(ws *kind.Workspace, id kind.ID, run string) proofs {
	return proofs{rowproof.Load(ws.Cache, id), run}
}

// key stands for a table in one state, "" if the server cannot tell.
func (p proofs) key(t *table) string {
	if p.run == "" || t.stamp == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s", p.run, t.Name, t.stamp, t.Create))
	return hex.EncodeToString(sum[:16])
}
