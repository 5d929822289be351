package mysql_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// M6: a digest counts every row however often it is there, tells NULL from
// the empty text, and knows every type. That is the sum of the digests of
// rows: CHECKSUM TABLE depends on the row format, and an exclusive or would
// let equal rows cancel each other out.
func TestOneChangeIsOneFact(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	before := r.facts()
	require.Regexp(t, `^500 rows, [0-9a-f]{32}, next 901$`, before["shop: table orders"])
	strange := "`Strange \"name\" `` Ü 'x' . y`"
	const strangeFact = "shop: table Strange \"name\" ` Ü 'x' . y"
	for _, change := range []struct{ name, sql, fact string }{
		{"value", "UPDATE orders SET total = 3 WHERE id = 7", "shop: table orders"},
		{"row removed", "DELETE FROM orders WHERE id = 8", "shop: table orders"},
		{"next number", "ALTER TABLE orders AUTO_INCREMENT = 1000", "shop: table orders"},
		{"row twice", "INSERT INTO " + strange + " VALUES ('a')", strangeFact},
		{"row twice again", "INSERT INTO " + strange + " VALUES ('a')", strangeFact},
		{"null is not empty", "UPDATE " + strange + " SET `a ``b` = NULL WHERE `a ``b` = ''", strangeFact},
		{"letter case", "UPDATE " + strange + " SET `a ``b` = 'A' WHERE `a ``b` = 'a' LIMIT 1", strangeFact},
		{"json", `UPDATE odd SET j = '{"a": [1,null]}' WHERE k = 1`, "shop: table odd"},
		{"last digit of a float", "UPDATE odd SET f = 16777218 WHERE k = 1", "shop: table odd"},
		{"last digit of a double", "UPDATE odd SET d = 0.1 + 1e-17 WHERE k = 1", "shop: table odd"},
		{"bit", "UPDATE odd SET wide = wide - 1 WHERE k = 1", "shop: table odd"},
		{"place", "UPDATE odd SET at = point(1, 3) WHERE k = 1", "shop: table odd"},
		{"place's system", "UPDATE odd SET g = ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 0) WHERE k = 1", "shop: table odd"},
		{"fraction of a second", "UPDATE odd SET ts = '2024-10-27 00:30:00.501' WHERE k = 1", "shop: table odd"},
		{"invisible column", "UPDATE customers SET secret = 8 WHERE id = 1; DELETE FROM empty", "shop: table customers"},
		{"history only", "DELETE HISTORY FROM prices", "shop: table prices"},
		{"row in memory", "DELETE FROM sessions WHERE id = 100", "shop: table sessions"},
		{"row without transactions", "UPDATE old SET t = 'z' WHERE id = 1", "shop: table old"},
		{"partition", "ALTER TABLE events_by_year REORGANIZE PARTITION p2024 INTO (PARTITION p2023 VALUES LESS THAN (2024), PARTITION p2024 VALUES LESS THAN (2025))", "shop: schema table events_by_year"},
		{"default", "ALTER TABLE orders ALTER total SET DEFAULT 1", "shop: schema column orders.total"},
		{"key", "ALTER TABLE places DROP KEY at", "shop: schema key places.at"},
		{"check", "ALTER TABLE customers DROP CONSTRAINT named", "shop: schema constraint customers.named"},
		{"foreign key", "ALTER TABLE customers DROP FOREIGN KEY best", "shop: schema constraint customers.best"},
		{"comment", "ALTER TABLE customers COMMENT 'people'", "shop: schema table customers"},
		{"view", "CREATE OR REPLACE VIEW zz AS SELECT id, total FROM orders WHERE total > 101", "shop: schema view zz"},
		{"sequence", "ALTER SEQUENCE numbers CACHE 20", "shop: schema sequence numbers"},
		{"draw", "DO SETVAL(drawn, 5000)", "shop: sequence drawn"},
		{"routine", "ALTER FUNCTION twice COMMENT 'n + n'", "shop: schema function twice"},
		{"trigger", "SET sql_mode = ''; CREATE OR REPLACE TRIGGER changed AFTER UPDATE ON customers FOR EACH ROW INSERT INTO empty VALUES (NEW.id)", "shop: schema trigger changed"},
		{"event", "ALTER EVENT nightly ENABLE", "shop: schema event nightly"},
		{"database", "ALTER DATABASE shop CHARACTER SET utf8mb4", "shop: database"},
		{"grant", "GRANT INSERT ON shop.orders TO clerks", ": grants `clerks`"},
		{"password", "ALTER USER clerk@'10.%' IDENTIFIED BY 'very secret'", ": account `clerk`@`10.%`"},
		{"role", "REVOKE clerks FROM clerk@'10.%'", ": grants `clerk`@`10.%`"},
		{"variable", "SET GLOBAL max_connections = 77", ": variable max_connections"},
	} {
		r.sql(change.sql)
		after := r.facts()
		require.Equal(t, []string{change.fact}, changed(before, after), change.name)
		before = after
	}
	for name, value := range before {
		require.NotContains(t, value, "secret'", name)
		require.NotRegexp(t, `\*[0-9A-F]{40}`, value, name)
	}
}

// M6: the settings under which rows are read are pinned. Without that another
// time zone alone is another state.
func TestSameStateSameFacts(t *testing.T) {
	r := newRig(t)
	r.sql(schema)
	before := r.facts()
	for _, same := range []struct{ name, sql string }{
		{"updated to the same", "UPDATE orders SET total = total, placed = placed; UPDATE odd SET f = f, d = d, j = j, g = g, at = at, b = b"},
		{"rewritten", "ALTER TABLE orders FORCE; ALTER TABLE odd FORCE; ALTER TABLE prices FORCE; ALTER TABLE old FORCE"},
		{"maintained", "ANALYZE TABLE orders; OPTIMIZE TABLE odd; FLUSH TABLES; FLUSH LOGS"},
		{"in another order", "CREATE TABLE swapped AS SELECT * FROM odd ORDER BY k DESC; DELETE FROM odd; INSERT INTO odd SELECT * FROM swapped; DROP TABLE swapped"},
	} {
		r.sql(same.sql)
		require.Empty(t, changed(before, r.facts()), same.name)
	}
	r.sql("DELETE FROM sessions; ALTER TABLE sessions AUTO_INCREMENT = 1")
	before = r.facts()
	testbed.Docker(t, "stop", r.container)
	testbed.Docker(t, "start", r.container)
	testbed.WaitForMariaDB(t, r.container)
	r.sql("SET GLOBAL time_zone = '+09:00', GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', GLOBAL character_set_results = latin1, GLOBAL sql_quote_show_create = 0, GLOBAL sql_select_limit = 3, GLOBAL system_versioning_asof = '2020-01-01 00:00:00'")
	r.find()
	after := r.facts()
	for _, variable := range []string{"time_zone", "sql_mode", "character_set_results", "sql_quote_show_create", "sql_select_limit", "system_versioning_asof"} {
		require.Contains(t, after, ": variable "+variable)
		delete(after, ": variable "+variable)
	}
	require.Empty(t, changed(before, after), "restarted in another time zone, and other settings")
}
