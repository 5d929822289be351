package mysql_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/content"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// wrecks are what may have become of a database since it was captured.
var wrecks = []struct{ name, sql string }{
	{"nothing", "DO 1"},
	{"rows", "UPDATE orders SET total = 1 WHERE id < 10; DELETE FROM odd WHERE k = 3; UPDATE `Strange \"name\" `` Ü 'x' . y` SET `a ``b` = 'x'; DELETE FROM prices"},
	{"definitions", "ALTER TABLE orders ADD COLUMN more int; DROP TRIGGER first_one; DROP VIEW zz; DROP EVENT nightly; DROP FUNCTION twice; SET sql_mode = ORACLE; DROP PACKAGE tools; SET sql_mode = DEFAULT; DO NEXTVAL(drawn); ALTER DATABASE shop CHARACTER SET utf8mb4; ALTER DATABASE shop COMMENT ''"},
	{"tables", "SET foreign_key_checks = 0; DROP TABLE customers, places, old, sessions; CREATE TABLE late (id int PRIMARY KEY); CREATE VIEW lately AS SELECT * FROM late; CREATE TRIGGER late_one BEFORE INSERT ON late FOR EACH ROW SET NEW.id = 1; CREATE SEQUENCE later"},
	{"packages", "DELIMITER //\nSET NAMES utf8mb4, sql_mode = ORACLE //\nCREATE OR REPLACE PACKAGE tools COMMENT 'other' AS FUNCTION one RETURN int; END //\nCREATE PACKAGE BODY tools AS FUNCTION one RETURN int AS BEGIN RETURN 1; END; END //\n"},
	{"everything", "DROP DATABASE shop"},
}

// M5: there is no RENAME DATABASE; tables are loaded beside and exchanged by
// RENAME TABLE under hidden names, with their triggers made between (without
// that: "Trigger in wrong schema"). Everything comes back the same, whatever
// the server can hold.
func TestEverythingComesBackFromADump(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	store := kindtest.NewMemory()
	before := r.facts()
	item := r.item("shop")
	part, facts := r.capture(item, store, nil)
	require.Equal(t, r.factsOf(item), facts)
	require.Empty(t, part.Gaps)
	for _, wreck := range wrecks {
		testbed.Exec(t, r.container, "mariadb", "shop", "-e", wreck.sql)
		preview, err := r.driver.Preview(t.Context(), r.ws, part, store)
		require.NoError(t, err, wreck.name)
		require.Equal(t, wreck.name == "nothing", preview.Action == kind.ActionNone, wreck.name)
		require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store), wreck.name)
		require.Empty(t, changed(before, r.facts()), wreck.name)
		preview, err = r.driver.Preview(t.Context(), r.ws, part, store)
		require.NoError(t, err, wreck.name)
		require.Equal(t, kind.ActionNone, preview.Action, wreck.name)
		require.NotContains(t, r.sql("SHOW DATABASES"), "dogear", wreck.name)
	}
}

// The tables are exchanged in one step: clients that come back again and again
// see the old rows, the new ones, or an error; a transaction that would keep
// the tables for itself is cut off.
func TestClientsSeeOldOrNew(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TRIGGER both_of_them AFTER INSERT ON a FOR EACH ROW INSERT INTO b VALUES (NEW.id); INSERT INTO a VALUES (1)")
	store := kindtest.NewMemory()
	before := r.facts()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("INSERT INTO a VALUES (2), (3)")
	script := "while :; do mariadb --batch --skip-column-names shop -e 'SELECT count(*), (SELECT count(*) FROM b) FROM a' >>/tmp/seen 2>/dev/null; sleep 0.05; done"
	testbed.Docker(t, "exec", "--detach", r.container, "sh", "-c", script)
	testbed.Docker(t, "exec", "--detach", r.container, "mariadb", "shop", "-e", "BEGIN; SELECT * FROM a FOR UPDATE; SELECT SLEEP(600)")
	testbed.Eventually(t, time.Minute, "somebody holds the table", func() bool {
		return strings.Contains(r.sql("SHOW PROCESSLIST"), "SLEEP(600)") && testbed.Exec(t, r.container, "sh", "-c", "cat /tmp/seen || true") != ""
	})
	require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
	seen := func() []string {
		return strings.Fields(strings.ReplaceAll(testbed.Exec(t, r.container, "cat", "/tmp/seen"), "\t", "/"))
	}
	testbed.Eventually(t, time.Minute, "clients see the new rows", func() bool { return slices.Contains(seen(), "1/1") })
	for _, s := range seen() {
		require.Contains(t, []string{"3/3", "1/1"}, s)
	}
	require.Empty(t, changed(before, r.facts()))
	r.sql("INSERT INTO a VALUES (9)")
	require.Equal(t, "2", r.sql("SELECT count(*) FROM b"), "the trigger is where it was")
}

// Only what is asked for: a table, with all that refers to it. What else differs
// is neither touched nor compared (Narrow); a table that the part does not have
// is removed.
func TestOneTableComesBack(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	store := kindtest.NewMemory()
	before := r.facts()
	part, _ := r.capture(r.item("shop"), store, nil)
	require.NoError(t, r.driver.HasInside(t.Context(), part, store, "odd"))
	require.ErrorContains(t, r.driver.HasInside(t.Context(), part, store, "nothing"), "has no table nothing in database shop; it has Strange")
	r.sql("DELETE FROM odd; DELETE FROM prices; UPDATE orders SET total = 1 WHERE id < 10; DROP VIEW aa; DROP TRIGGER second_one; CREATE TABLE late (id int)")
	restore := func(tables ...string) error {
		part.Inside = tables
		return r.driver.Restore(t.Context(), r.ws, part, store)
	}
	require.NoError(t, restore("odd", "prices", "late"))
	require.Equal(t, []string{"shop: schema trigger second_one", "shop: schema view aa", "shop: table orders"}, changed(before, r.facts()))
	left, err := r.driver.Narrow(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	for fact, leaves := range map[string]bool{
		"table odd": false, "schema column odd.k": false, "table late": true, "table orders": true, "schema trigger second_one": true, "schema view aa": true, "database": true,
	} {
		require.Equal(t, leaves, left.Leaves(fact), fact)
	}
	require.ErrorContains(t, restore("orders"), "table customers has to be exchanged as well, as foreign keys connect them: add --only "+part.ID.String()+":customers")
	r.sql("CREATE DATABASE other; CREATE TABLE other.far (o int, FOREIGN KEY (o) REFERENCES shop.orders (id))")
	require.ErrorContains(t, restore("orders", "customers"), "other.far, of another database, has a foreign key to orders, which would follow the old table: drop it first")
	r.sql("DROP DATABASE other")
	require.NoError(t, restore("orders", "customers"))
	require.Equal(t, []string{"shop: schema view aa"}, changed(before, r.facts()), "with the triggers of the table")
	left, err = r.driver.Narrow(t.Context(), r.ws, part, store)
	require.NoError(t, err)
	require.False(t, left.Leaves("schema trigger second_one"))
}

// A dump goes into another server of a newer version, with everything that it
// holds; only what the versions write in other words differs.
func TestDumpIntoANewerServer(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	store := kindtest.NewMemory()
	part, facts := r.capture(r.item("shop"), store, nil)
	newer := rigOn(t, testbed.NewerMariaDB(t, testbed.Volume(t)))
	newer.sql("CREATE ROLE clerks; CREATE TABLE mine (n int); CREATE DATABASE other")
	item := newer.item("shop")
	part.ID, part.RunsIn, part.Claims = item.ID, item.RunsIn, item.Claims
	require.NoError(t, newer.driver.Restore(t.Context(), newer.ws, part, store))
	after := newer.factsOf(item)
	for name, value := range facts {
		if strings.HasPrefix(name, "shop: table ") || strings.HasPrefix(name, "shop: sequence ") {
			require.Equal(t, value, after[name], name)
		}
		require.Contains(t, after, name)
	}
	require.Len(t, after, len(facts))
	require.Contains(t, newer.sql("SHOW DATABASES"), "other")
}

// What somebody writes after the comparison with the safety snapshot, and before
// the tables are exchanged, is in no snapshot: the restore is taken back, and
// the row is there (requireUnwritten).
func TestWhatIsWrittenMeanwhileIsNotLost(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int, FOREIGN KEY (a) REFERENCES a (id)); INSERT INTO a VALUES (1)")
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("INSERT INTO a VALUES (2)")
	safety, _ := r.capture(r.item("shop"), store, nil)
	look := r.ws.Look()
	change, err := r.driver.Preview(t.Context(), look, safety, store)
	require.NoError(t, err)
	require.Equal(t, kind.ActionNone, change.Action)
	r.sql("INSERT INTO a VALUES (3); INSERT INTO b VALUES (1, 3)")
	require.ErrorContains(t, r.driver.Restore(t.Context(), look, part, store), "table a was written to meanwhile")
	require.Equal(t, "3\t1", r.sql("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)"))
	require.NotContains(t, r.sql("SHOW DATABASES"), "dogear")
	require.NoError(t, r.driver.Restore(t.Context(), r.ws.Look(), part, store))
}

// Whatever is wrong with a dump shows before the live tables are touched, and
// what fails after that is taken back.
func TestFailedRestoreLeavesTheDatabase(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	store := kindtest.NewMemory()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("UPDATE orders SET total = 2 WHERE id < 10; DELETE FROM odd; DROP TRIGGER changed; ALTER VIEW zz AS SELECT 1 AS one; DO NEXTVAL(drawn)")
	before := r.facts()
	for _, fault := range []struct {
		name   string
		damage func(part *kind.Part)
		says   string
	}{
		{name: "a truncated stream", says: "in the middle of a row", damage: func(p *kind.Part) { r.cut(p, store, "table/orders", 10) }},
		{name: "rows are missing", says: "now, and had 500 rows", damage: func(p *kind.Part) { r.cut(p, store, "table/orders", 0) }},
		{name: "no rows", says: "could not be read when it was captured", damage: func(p *kind.Part) {
			p.Objects = slices.DeleteFunc(p.Objects, func(o kind.Object) bool { return o.Name == "table/orders" })
		}},
		{name: "a table that cannot be made", says: "create table", damage: func(p *kind.Part) {
			r.edit(p, store, "CREATE TABLE `orders`", "CREATE TABLX `orders`")
		}},
		{name: "a trigger that cannot be made", says: "create trigger second_one", damage: func(p *kind.Part) {
			r.edit(p, store, "begin set new.total", "begin sex new.total")
		}},
		{name: "a table that becomes another", says: "compare table orders: the server has made something else of it", damage: func(p *kind.Part) {
			r.edit(p, store, "`total` decimal(10,2)", "`total` numeric(10,2)")
		}},
		{name: "a function that becomes another", says: "it is not what was captured (function twice)", damage: func(p *kind.Part) {
			r.edit(p, store, "FUNCTION `twice`", "FUNCTION  `twice`")
		}},
		{name: "a view that cannot be made", says: "create view zz", damage: func(p *kind.Part) {
			r.edit(p, store, "VIEW `zz` AS select", "VIEW `zz` AS selekt")
		}},
	} {
		damaged := part
		damaged.Objects = slices.Clone(part.Objects)
		fault.damage(&damaged)
		require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, damaged, store), fault.says, fault.name)
		require.Empty(t, changed(before, r.facts()), fault.name)
		require.NotContains(t, r.sql("SHOW DATABASES"), "dogear", fault.name)
	}
}

// cut stores an object anew, without its last bytes, or without its last row.
func (r *rig) cut(part *kind.Part, store *kindtest.Memory, name string, bytes int) {
	text := read(r.T, store, *part, name)
	if bytes == 0 {
		bytes = len(text) - 1 - strings.LastIndex(text[:len(text)-1], "\n")
	}
	r.replace(part, store, name, text[:len(text)-bytes])
}

func (r *rig) edit(part *kind.Part, store *kindtest.Memory, old, new string) {
	text := read(r.T, store, *part, "definitions")
	require.Contains(r, text, old)
	r.replace(part, store, "definitions", strings.ReplaceAll(text, old, new))
}

func (r *rig) replace(part *kind.Part, store *kindtest.Memory, name, text string) {
	object, err := content.PutBytes(r.Context(), store, name, []byte(text))
	require.NoError(r, err)
	i := slices.IndexFunc(part.Objects, func(o kind.Object) bool { return o.Name == name })
	part.Objects[i] = object
}

// A restore that was ended anywhere is finished by the next one, whatever it
// has left.
func TestKilledRestoreIsFinished(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	store := kindtest.NewMemory()
	before := r.facts()
	part, _ := r.capture(r.item("shop"), store, nil)
	r.sql("UPDATE orders SET total = 2 WHERE id < 10")
	for attempt := range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(attempt)*150*time.Millisecond)
		_ = r.driver.Restore(ctx, r.ws, part, store) // wherever it was
		cancel()
		require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store))
		require.Empty(t, changed(before, r.facts()))
		r.sql("UPDATE orders SET total = 2 WHERE id < 10")
	}
	// What one leaves that was killed between the two steps: the live tables
	// have moved away, and one of the new ones waits for its triggers.
	sum := sha256.Sum256([]byte("shop"))
	old := "dogear_restore_old_" + hex.EncodeToString(sum[:8])
	r.sql("CREATE DATABASE " + old + "; RENAME TABLE shop.odd TO " + old + ".odd, shop.prices TO " + old + ".prices; CREATE TABLE dogear_restore_waiting (id int)")
	r.find()
	require.Len(t, r.items, 2, "what a restore makes for itself is no item")
	look := r.ws.Look() // in which it was seen without what has moved away
	_, err := r.driver.Preview(t.Context(), look, part, store)
	require.NoError(t, err)
	require.NoError(t, r.driver.Restore(t.Context(), look, part, store))
	require.Empty(t, changed(before, r.facts()))
	require.NotContains(t, r.sql("SHOW DATABASES"), "dogear")
}
