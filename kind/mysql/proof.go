package mysql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"dogear/internal/rowproof"
	"dogear/kind"
)

// proofs know what the tables of a database were when they were read last.
//
// Whatever changes a table of InnoDB, or makes a change be seen, is in InnoDB's
// log first. If the log of a server that has not started anew since ends
// where it ended then, nothing has changed in any table. There is no such proof
// for one table: the time of its last change (UPDATE_TIME) is not set by all
// that changes it, and may come back.
type proofs struct {
	*rowproof.Known
	run string // of the server, "" if nobody can tell one run from the next
}

func loadProofs(ws *kind.Workspace, id kind.ID, run string) proofs {
	return proofs{rowproof.Load(ws.Cache, id), run}
}

// key stands for a table as the view sees it, "" if the server cannot tell.
func (v *view) key(t *table) string {
	if v.proofs.run == "" || v.logEnd == 0 || t.Engine != "InnoDB" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s\n%s", v.proofs.run, v.logEnd, t.Name, t.Create))
	return hex.EncodeToString(sum[:16])
}

// note notes what the rows of a table are, unless something was just being
// committed: that is in the log, and not seen yet.
func (v *view) note(t *table, rows rowproof.Rows) {
	if v.settled {
		v.proofs.Note(v.key(t), rows)
	}
}

// endOfLog returns where InnoDB's log ends; 0 if that is not known to cover
// every change.
func (v *view) endOfLog(ctx context.Context) (uint64, error) {
	if !v.link.mariadb {
		return 0, nil // MySQL can do without its log
	}
	_, end, err := v.logPosition(ctx)
	return end, err
}
