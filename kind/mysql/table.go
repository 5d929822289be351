package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// table is a table of a database, and how its rows are read and written.
type table struct {
	Name    string   `json:"name"`
	Create  string   `json:"create"`
	Engine  string   `json:"engine"`
	Columns []column `json:"columns"` // those that hold content, in order
	// Key are the columns of the primary key.
	Key []string `json:"key,omitempty"`
	// History says that the table keeps its history; its last two columns
	// are the period of a row then.
	History bool `json:"history,omitempty"`
	// ByTransaction: the period is counted in transactions, not in time.
	ByTransaction bool `json:"by_transaction,omitempty"`
	// Sum says how many rows there are, and their digest; "" if they were
	// not read.
	Sum string `json:"sum,omitempty"`

	transactional bool
	unreadable    string // why it cannot be read
	denied        bool   // that will not change
	seen          int    // columns that the account knows of
}

// column is a column that holds content.
type column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// elsewhere are engines whose tables have their rows in other places.
var elsewhere = []string{"FEDERATED", "CONNECT", "SPIDER", "MRG_MYISAM", "BLACKHOLE", "S3"}

func (t *table) isElsewhere() bool {
	return slices.ContainsFunc(elsewhere, func(e string) bool { return strings.EqualFold(e, t.Engine) })
}

func (t *table) isMemory() bool { return t.Engine == "MEMORY" }

// expression reads the column. FLOAT is written with six digits, which are
// not enough to read it back: as a DOUBLE it has all.
func (c column) expression() string {
	if c.Type == "float" {
		return "(" + name(c.Name) + "*1e0)"
	}
	return name(c.Name)
}

// literal is what stands before a value of the column in an INSERT. Bytes are
// stored as they are, but addresses would be taken for their binary form.
func (c column) literal() string {
	switch c.Type {
	case "inet4", "inet6", "uuid":
		return "_latin1'"
	}
	return "_binary'"
}

// query reads all rows, those of the past included, in the order of the
// primary key.
func (t *table) query(database string) string {
	expressions := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		expressions[i] = c.expression()
	}
	q := "SELECT " + strings.Join(expressions, ", ") + " FROM " + name(database) + "." + name(t.Name)
	if t.History {
		q += " FOR SYSTEM_TIME ALL"
	}
	if len(t.Key) == 0 {
		return q
	}
	order := make([]string, len(t.Key))
	for i, k := range t.Key {
		order[i] = name(k)
	}
	return q + " ORDER BY " + strings.Join(order, ", ")
}

// readTables lists the tables of a database, but not their definitions.
func readTables(ctx context.Context, conn *sql.Conn, database string) ([]*table, error) {
	transactional := make(map[string]bool)
	if err := each(ctx, conn, "SELECT ENGINE, TRANSACTIONS FROM information_schema.engines", func(row []sql.NullString) error {
		transactional[row[0].String] = row[1].String == "YES"
		return nil
	}); err != nil {
		return nil, wrap("list engines", err)
	}
	var tables []*table
	err := each(ctx, conn, `SELECT TABLE_NAME, ENGINE, TABLE_TYPE = 'SYSTEM VERSIONED' FROM information_schema.tables
WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME`, func(row []sql.NullString) error {
		tables = append(tables, &table{
			Name: row[0].String, Engine: row[1].String, History: row[2].String == "1",
			transactional: transactional[row[1].String],
		})
		return nil
	}, database)
	if err != nil {
		return nil, wrap("list tables", err)
	}
	slices.SortFunc(tables, func(a, b *table) int { return strings.Compare(a.Name, b.Name) })
	return tables, readColumns(ctx, conn, database, tables)
}

func readColumns(ctx context.Context, conn *sql.Conn, database string, tables []*table) error {
	byName := make(map[string]*table, len(tables))
	for _, t := range tables {
		byName[t.Name] = t
	}
	period := make(map[string][2]column)
	err := each(ctx, conn, `SELECT TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE), UPPER(EXTRA), UPPER(COALESCE(GENERATION_EXPRESSION, ''))
FROM information_schema.columns WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME, ORDINAL_POSITION`, func(row []sql.NullString) error {
		t, c := byName[row[0].String], column{row[1].String, row[2].String}
		if t == nil {
			return nil
		}
		t.seen++
		p := period[t.Name]
		switch {
		case row[4].String == "ROW START":
			p[0] = c
		case row[4].String == "ROW END":
			p[1] = c
		case strings.Contains(row[3].String, "VIRTUAL GENERATED"), strings.Contains(row[3].String, "STORED GENERATED"):
		default:
			t.Columns = append(t.Columns, c)
		}
		period[t.Name] = p
		return nil
	}, database)
	if err != nil {
		return wrap("list columns", err)
	}
	for _, t := range tables {
		t.addPeriod(period[t.Name])
	}
	return readKeys(ctx, conn, database, byName)
}

// addPeriod adds the columns that say from when to when a row was there. They
// have these names unless they were given others.
func (t *table) addPeriod(named [2]column) {
	if !t.History {
		return
	}
	if named[0].Name == "" {
		named = [2]column{{"row_start", "timestamp"}, {"row_end", "timestamp"}}
	}
	t.ByTransaction = named[0].Type == "bigint"
	t.Columns = append(t.Columns, named[:]...)
}

func readKeys(ctx context.Context, conn *sql.Conn, database string, tables map[string]*table) error {
	err := each(ctx, conn, `SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.statistics
WHERE TABLE_SCHEMA = ? AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_NAME, SEQ_IN_INDEX`, func(row []sql.NullString) error {
		if t := tables[row[0].String]; t != nil {
			t.Key = append(t.Key, row[1].String)
		}
		return nil
	}, database)
	if err != nil {
		return wrap("list keys", err)
	}
	for _, t := range tables {
		if len(t.Key) > 0 && t.History {
			t.Key = append(t.Key, t.Columns[len(t.Columns)-1].Name)
		}
	}
	return nil
}

// cutNext takes the position of AUTO_INCREMENT off what is said about rows.
func cutNext(sum string) (rows, next string, found bool) { return strings.Cut(sum, ", next ") }
