package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// The server does not say who has a table locked unless a plugin is loaded that
// is not ours to load. Named are the sessions that may: those in a transaction,
// or, if there are none, all others.
const holdersQuery = `SELECT CONCAT(p.ID, ' (', p.USER, '@', p.HOST, COALESCE(CONCAT(', database ', NULLIF(p.DB, '')), '')), p.TIME, t.started, t.reads_only
FROM information_schema.processlist p
LEFT JOIN (
	SELECT trx_mysql_thread_id AS id, MIN(trx_started) AS started, MAX(trx_is_read_only) AS reads_only FROM information_schema.innodb_trx GROUP BY 1
) t ON t.id = p.ID
WHERE p.ID <> CONNECTION_ID() AND p.COMMAND NOT IN ('Daemon', 'Binlog Dump', 'Slave_IO', 'Slave_SQL', 'Slave_worker') ORDER BY p.ID`

// mostHolders is how many sessions are named.
const mostHolders = 5

// What a lock is wanted for: transactions that read only are in the way of
// who writes alone, and our own are such.
const (
	toRead  = false
	toWrite = true
)

// lockedBy adds to an error about a lock who may hold it.
func lockedBy(ctx context.Context, conn *sql.Conn, writes bool, err error) error {
	if !isError(err, errLockWait) {
		return err
	}
	var inTransaction, others []string
	asked := each(ctx, conn, holdersQuery, func(row []sql.NullString) error {
		switch {
		case !row[2].Valid:
			others = append(others, row[0].String+", like this for "+row[1].String+" s)")
		case writes || row[3].String == "0":
			inTransaction = append(inTransaction, row[0].String+", in a transaction since "+row[2].String+")")
		}
		return nil
	})
	holders := slices.Concat(inTransaction, others)
	if len(inTransaction) > 0 {
		holders = inTransaction
	}
	if asked != nil || len(holders) == 0 {
		return err
	}
	if more := len(holders) - mostHolders; more > 0 {
		holders = append(holders[:mostHolders], fmt.Sprintf("or one of %d more", more))
	}
	return fmt.Errorf("it is locked, maybe by session %s: end that (KILL) and try again: %w", strings.Join(holders, ", "), err)
}
