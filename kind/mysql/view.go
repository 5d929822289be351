package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"dogear/internal/rowsum"
	"dogear/kind"
)

// view sees a database, or what a server has beside databases, as it was at
// one instant. It cannot write.
type view struct {
	link     *link
	database string
	conns    []*sql.Conn // all see the same instant
	held     kind.Interval
	size     int64

	definitions *definitions
	gaps        []kind.Gap
	// kept are the rows of tables that no transaction protects, as they were
	// at the instant.
	kept   map[string]*keptRows
	proofs proofs
	// logEnd is where InnoDB's log ended at the instant, 0 if that is not known;
	// settled says that nothing was just being committed.
	logEnd  uint64
	settled bool
	deep    bool // rows are read however large the database is
}

// keptRows are rows in memory.
type keptRows struct {
	text bytes.Buffer
	sum  rowsum.Sum
}

// Write never fails.
func (k *keptRows) Write(p []byte) (int, error) {
	_, _ = k.sum.Write(p)
	return k.text.Write(p)
}

// keptLimit is how many bytes of such tables are kept in memory.
const keptLimit = 64 << 20

// streams is how many tables are read at once.
const streams = 2

// lockTime is how many seconds a frozen workspace waits for other people's
// locks, each time.
const lockTime = 1

// patientLockTime is the same for one that is not frozen any more.
const patientLockTime = 10

// How a view begins.
const (
	unlocked = false // one session, which nobody waits for
	locked   = true  // several of one instant, for which commits wait a moment
)

// begin opens a view.
func begin(ctx context.Context, l *link, database string, lock bool) (_ *view, err error) {
	v := &view{link: l, database: database, kept: make(map[string]*keptRows)}
	defer func() {
		if err != nil {
			v.close()
		}
	}()
	first, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	v.conns = []*sql.Conn{first}
	if database != "" {
		if _, err := first.ExecContext(ctx, "USE "+name(database)); err != nil {
			if isError(err, errUnknownDatabase) {
				return nil, kind.ErrGone
			}
			return nil, wrap("use the database", err)
		}
	}
	if lock && database != "" {
		err = v.lookLocked(ctx)
	} else {
		err = v.look(ctx)
	}
	if err != nil || database == "" {
		return v, err
	}
	return v, v.define(ctx)
}

// look fixes the instant.
func (v *view) look(ctx context.Context) (err error) {
	v.held.From = time.Now()
	if err := v.start(ctx, v.conns[0]); err != nil {
		return err
	}
	v.held.To = time.Now()
	if v.database == "" {
		return nil
	}
	if v.logEnd, err = v.endOfLog(ctx); err != nil {
		return err
	}
	return v.list(ctx)
}

func (v *view) start(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
	return wrap("open a transaction", err)
}

// lookLocked fixes the instant while nothing can be committed, so that more
// than one session sees the same, and tables without transactions too. Where
// somebody else holds a lock we go without rather than make a frozen workspace
// wait: then there is one session.
func (v *view) lookLocked(ctx context.Context) error {
	guard, err := v.link.session(ctx)
	if err != nil {
		return err
	}
	defer closeConn(guard) // ends the lock, too
	if v.lockCommits(ctx, guard) {
		err = v.lookAtOnce(ctx)
		if err == nil {
			err = v.awaitLog(ctx)
		}
	} else {
		v.gap("rows of tables without transactions at the same instant", "somebody else held a lock, or the account may not (RELOAD)")
		err = v.look(ctx)
	}
	if err != nil {
		return err
	}
	return v.lockTables(ctx)
}

// lookAtOnce fixes the instant of several sessions.
func (v *view) lookAtOnce(ctx context.Context) error {
	for len(v.conns) < streams {
		conn, err := v.link.session(ctx)
		if err != nil {
			break // the server has none to spare: one will do
		}
		v.conns = append(v.conns, conn)
	}
	before, err := v.endOfLog(ctx)
	if err != nil {
		return err
	}
	for _, conn := range v.conns[1:] {
		if err := v.start(ctx, conn); err != nil {
			return err
		}
	}
	if err := v.look(ctx); err != nil {
		return err
	}
	v.settled = before == v.logEnd
	if err := v.keepRows(ctx); err != nil {
		return err
	}
	v.held.To = time.Now()
	return nil
}

// lockCommits makes commits wait. BACKUP STAGE closes no tables, unlike FLUSH
// TABLES WITH READ LOCK.
func (v *view) lockCommits(ctx context.Context, guard *sql.Conn) bool {
	statements := []string{waitForLocks(lockTime), "FLUSH TABLES WITH READ LOCK"}
	if v.link.mariadb {
		statements = append(statements[:1], "BACKUP STAGE START", "BACKUP STAGE BLOCK_COMMIT")
	}
	for _, statement := range statements {
		if _, err := guard.ExecContext(ctx, statement); err != nil {
			return false
		}
	}
	return true
}

func (v *view) list(ctx context.Context) error {
	tables, err := readTables(ctx, v.conns[0], v.database)
	if err != nil {
		return err
	}
	v.definitions = &definitions{Tables: tables}
	err = v.conns[0].QueryRowContext(ctx, "SELECT COALESCE(SUM(DATA_LENGTH), 0) FROM information_schema.tables WHERE TABLE_SCHEMA = ?",
		v.database).Scan(&v.size)
	return wrap("ask for the size", err)
}

func (v *view) define(ctx context.Context) error {
	if v.database == "" {
		return nil
	}
	d, gaps, err := readDefinitions(ctx, v.conns[0], v.database, v.definitions.Tables)
	if err != nil {
		return err
	}
	v.definitions = d
	for _, what := range gaps {
		v.gap(what, "it cannot be read by this account, or was just being changed")
	}
	return nil
}

// keepRows reads the tables that no transaction protects.
func (v *view) keepRows(ctx context.Context) error {
	left := int64(keptLimit)
	for _, t := range v.definitions.Tables {
		if t.transactional || t.isElsewhere() || t.unreadable != "" {
			continue
		}
		kept := &keptRows{}
		err := copyRows(ctx, v.conns[0], t.query(v.database), limited{kept, &left})
		switch {
		case errors.Is(err, errTooMuch):
			v.gap("rows of table "+t.Name+" of the same instant", t.Engine+" knows no transactions, and there are too many to read at once")
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			v.kept[t.Name] = kept
		}
	}
	return nil
}

var errTooMuch = errors.New("too much to keep in memory")

// limited is a writer that fails once more was written to all that share it.
type limited struct {
	w    *keptRows
	left *int64
}

func (l limited) Write(p []byte) (int, error) {
	if *l.left -= int64(len(p)); *l.left < 0 {
		return 0, errTooMuch
	}
	return l.w.Write(p)
}

// lockTables keeps the tables from being redefined as long as the view is
// open, which a transaction would see.
func (v *view) lockTables(ctx context.Context) error {
	if err := v.wait(ctx, lockTime); err != nil {
		return err
	}
	for _, t := range v.definitions.Tables {
		if t.unreadable != "" || t.isElsewhere() {
			continue
		}
		for _, conn := range v.conns {
			if _, err := conn.ExecContext(ctx, "SELECT 1 FROM "+name(v.database)+"."+name(t.Name)+" LIMIT 0"); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				t.unreadable = lockedBy(ctx, v.conns[0], toRead, err).Error()
				break
			}
		}
	}
	return v.wait(ctx, patientLockTime)
}

// wait says how long the sessions wait for locks.
func (v *view) wait(ctx context.Context, seconds int) error {
	for _, conn := range v.conns {
		if _, err := conn.ExecContext(ctx, waitForLocks(seconds)); err != nil {
			return wrap("set up the session", err)
		}
	}
	return nil
}

func waitForLocks(seconds int) string {
	return fmt.Sprintf("SET SESSION lock_wait_timeout = %d", seconds)
}

func (v *view) gap(what, why string) { v.gaps = append(v.gaps, kind.Gap{What: what, Why: why}) }

// close ends the view, also if the server is frozen.
func (v *view) close() {
	for _, conn := range v.conns {
		closeConn(conn)
	}
	v.conns = nil
}
