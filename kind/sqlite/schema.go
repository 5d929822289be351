package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"regexp"

	"dogear/kind"
)

// object is an entry of the schema.
type object struct {
	kind, name, table string
	sql               sql.NullString // null for what SQLite made by itself
}

var virtualTable = regexp.MustCompile(`(?i)^\s*CREATE\s+VIRTUAL\s`)

// hasRows reports whether the object is a table with rows of its own. Those
// of a virtual table are in other tables, or nowhere; reading it may run a
// module that is not there.
func (o object) hasRows() bool {
	return o.kind == "table" && !virtualTable.MatchString(o.sql.String)
}

// belongsTo returns the table with which the object comes and goes, "" if none.
func (o object) belongsTo() string {
	if o.kind == "view" {
		return ""
	}
	return o.table
}

// automatic is said of what SQLite made by itself.
const automatic = "automatic, of "

func (o object) fact() kind.Fact {
	value := kind.Printable(o.sql.String)
	if !o.sql.Valid {
		value = automatic + kind.Printable(o.table)
	}
	return kind.Fact{Name: "schema " + o.kind + " " + o.name, Value: value}
}

func schema(ctx context.Context, db *sql.DB, name string) (objects []object, err error) {
	rows, err := db.QueryContext(ctx, "SELECT type, name, tbl_name, sql FROM "+quote(name)+".sqlite_schema")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.sql); err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, rows.Err()
}
