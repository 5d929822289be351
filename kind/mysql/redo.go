package mysql

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"dogear/internal/docker"
)

// awaitLog waits until the files have all that was committed before the
// instant. With innodb_flush_log_at_trx_commit=0 InnoDB keeps its log in memory
// for up to a second (innodb_flush_log_at_timeout): the files of a server that is
// frozen before that lack transactions which the dump has. No statement makes
// it write, and the setting is not ours to change.
func (v *view) awaitLog(ctx context.Context) error {
	vars, err := variables(ctx, v.conns[0], "SHOW GLOBAL VARIABLES LIKE 'innodb_flush_log_at_%'")
	if err != nil || vars["innodb_flush_log_at_trx_commit"] != "0" {
		return err
	}
	limit, err := strconv.Atoi(vars["innodb_flush_log_at_timeout"])
	if err != nil {
		limit = 1
	}
	written, committed, err := v.logPosition(ctx)
	if err != nil || written == 0 {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, time.Duration(limit+2)*time.Second)
	defer cancel()
	err = docker.Poll(wait, func() (bool, error) {
		now, _, err := v.logPosition(wait)
		if err == nil && now < committed {
			err = fmt.Errorf("its log is %d bytes behind", committed-now)
		}
		return err == nil, err
	})
	if err != nil && ctx.Err() == nil {
		v.gap("files of the same instant", "innodb_flush_log_at_trx_commit is 0, and they may lack the last transactions: "+err.Error())
		return nil
	}
	return err
}

// logPosition returns up to where InnoDB's log is in its file, and up to where
// it has come; 0 if the server does not say.
func (v *view) logPosition(ctx context.Context) (written, committed uint64, err error) {
	status, err := variables(ctx, v.conns[0], "SHOW GLOBAL STATUS WHERE Variable_name IN ("+
		"'Innodb_lsn_flushed', 'Innodb_lsn_current', 'Innodb_redo_log_flushed_to_disk_lsn', 'Innodb_redo_log_current_lsn')")
	if err != nil {
		return 0, 0, err
	}
	for name, value := range status {
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil:
		case name == "Innodb_lsn_flushed" || name == "Innodb_redo_log_flushed_to_disk_lsn":
			written = n
		default:
			committed = n
		}
	}
	return written, committed, nil
}
