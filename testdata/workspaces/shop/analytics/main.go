// Command analytics makes and damages the sample workspace's SQLite database. A program of our own, since a fresh
// machine may not have sqlite3, and no database is checked in.
//
//	analytics fill FILE     a database in WAL mode, with pages that are still only in its -wal
//	analytics wreck FILE    delete rows from it
package main

import (
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"

	_ "modernc.org/sqlite"
)

const schema = `
create table visits (id integer primary key, day text not null, path text not null, visitor text, ms integer not null);
create index visits_by_day on visits (day);
create table funnels (name text primary key, definition text not null check (json_valid(definition))) without rowid;
create view visits_per_day as select day, count(*) as visits, avg(ms) as ms from visits group by day;
`

// The rows depend on their number alone, so that two layouts have the same content.
const rows = `
with recursive n(i) as (select ? union all select i + 1 from n where i + 1 < ?)
insert into visits
select i, date('2024-03-01', '+' || (i / 60) || ' days'),
       '/' || (case i % 5 when 0 then '' when 1 then 'products' when 2 then 'cart' when 3 then 'checkout' else 'söge/tee' end),
       case when i % 7 = 0 then null else 'v' || (i * 7919 % 1009) end, 12 + (i * 31337 % 890)
from n`

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal("analytics: ", err)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: analytics fill|wreck FILE")
	}
	db, err := sql.Open("sqlite", args[1]+"?_pragma=journal_mode(wal)&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // the checkpoint in the middle must not meet a reader of our own
	switch args[0] {
	case "fill":
		err = fill(db)
	case "wreck":
		err = execAll(db, `delete from visits where id % 3 = 0`, `drop table funnels`)
	default:
		err = fmt.Errorf("unknown command %q", args[0])
	}
	// The database is not closed: its last connection would fold the -wal away, which is the interesting part.
	return err
}

func fill(db *sql.DB) error {
	if err := execAll(db, schema); err != nil {
		return err
	}
	if _, err := db.Exec(rows, 1, 3001); err != nil {
		return err
	}
	if err := execAll(db, `pragma wal_checkpoint(truncate)`); err != nil {
		return err
	}
	if _, err := db.Exec(rows, 3001, 3601); err != nil {
		return err
	}
	return execAll(db,
		`insert into funnels values ('checkout', '{"steps":["cart","address","payment"]}'), ('search', '{"steps":["query","click"]}')`,
		`update visits set visitor = 'naïve-客' where id = 42`)
}

func execAll(db *sql.DB, statements ...string) error {
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
