package mysql_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// wholeRange is what schema leaves out: each kind of partition, key, default,
// program and account that the server knows. No row of refused can be inserted
// or removed by a statement while its triggers are there, and one of packed has
// the number 0, which means the next number to a server that is not told
// otherwise.
const wholeRange = `
CREATE TABLE subparts (id int NOT NULL, d date NOT NULL, region varchar(10) NOT NULL, KEY (region)) PARTITION BY RANGE COLUMNS (d)
	SUBPARTITION BY KEY (id) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN ('2025-01-01') COMMENT 'old ones', PARTITION p1 VALUES LESS THAN (MAXVALUE));
INSERT INTO subparts SELECT seq, '2024-12-01' + INTERVAL seq DAY, seq % 3 FROM seq_1_to_60;
CREATE TABLE listed (k varchar(10), n int) PARTITION BY LIST COLUMNS (k) (PARTITION one VALUES IN ('a', 'it''s'), PARTITION rest DEFAULT);
INSERT INTO listed VALUES ('a', 1), ('it''s', 2), ('other', 3), (NULL, 4);
CREATE TABLE hashed (id int NOT NULL PRIMARY KEY) PARTITION BY LINEAR HASH (id) PARTITIONS 3; INSERT INTO hashed SELECT seq FROM seq_0_to_20;
CREATE TABLE aged (id int PRIMARY KEY, n int, noted int WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION history HISTORY, PARTITION now CURRENT);
INSERT INTO aged VALUES (1, 1, 1), (2, 2, 2); UPDATE aged SET n = 3, noted = 4; UPDATE aged SET noted = 5; DELETE FROM aged WHERE id = 2;
CREATE TABLE defaults (id uuid NOT NULL DEFAULT uuid() PRIMARY KEY, at datetime DEFAULT (now() + interval 1 day), n int DEFAULT (1 + 2) CHECK (n > 0),
	up int GENERATED ALWAYS AS (n * 2) STORED UNIQUE, j longtext CHECK (json_valid(j)), addr inet4 DEFAULT '10.0.0.1', ts timestamp NULL DEFAULT NULL ON UPDATE current_timestamp());
INSERT INTO defaults (id, at, n, j, addr) VALUES ('123e4567-e89b-12d3-a456-426655440000', '2024-01-01', 7, '[1, {"a": null}]', '255.1.2.3'), ('00000000-0000-0000-0000-000000000000', NULL, NULL, NULL, NULL);
CREATE TABLE keyed (id int NOT NULL, a varchar(100), b text, c int INVISIBLE, PRIMARY KEY (id DESC), KEY prefix (b(10)), KEY hidden (a) IGNORED, UNIQUE long_one (b),
	KEY down (a DESC, c), FULLTEXT words (a, b) COMMENT 'words');
INSERT INTO keyed (id, a, b, c) VALUES (1, 'x', 'y', 1), (2, 'X', NULL, 2), (-3, 'tea pot', 'the lid', NULL);
CREATE TABLE lookup (id int, k varchar(10), PRIMARY KEY (id) USING HASH, KEY (k) USING BTREE) ENGINE=MEMORY MAX_ROWS=100; INSERT INTO lookup VALUES (1, 'one');
SET sql_mode = NO_AUTO_VALUE_ON_ZERO;
CREATE TABLE packed (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, t text COMPRESSED, s set('a', 'it''s', 'c d') NOT NULL DEFAULT 'a', e enum('', 'x', 'ü') COLLATE utf8mb4_bin,
	legacy varchar(20) CHARACTER SET latin1 COLLATE latin1_german2_ci) PAGE_COMPRESSED=1 CHARACTER SET utf8mb4;
INSERT INTO packed VALUES (0, repeat('long ', 500), 'a,it''s', '', 'Müller'), (-7, '', '', NULL, ''), (5, NULL, 'c d', 'ü', NULL);
SET sql_mode = DEFAULT;
CREATE TABLE nokey (s text, f float, b bit(3)); INSERT INTO nokey VALUES ('same', 1, 1), ('same', 1, 1), (NULL, NULL, NULL), ('', -0.1, 7);
CREATE TABLE ` + "`select`" + ` (` + "`from` int, `order by` int GENERATED ALWAYS AS (`from` + 1) VIRTUAL, KEY (`order by`), CONSTRAINT `it's` CHECK (`from` <> 0)" + `);
INSERT INTO ` + "`select` (`from`)" + ` VALUES (1), (NULL);
CREATE TABLE refused (id int PRIMARY KEY); INSERT INTO refused VALUES (1), (2);
CREATE SEQUENCE turning START 5 MINVALUE -5 MAXVALUE 10 INCREMENT -3 CYCLE NOCACHE; DO NEXTVAL(turning), NEXTVAL(turning), NEXTVAL(turning), NEXTVAL(turning), NEXTVAL(turning);
CREATE ALGORITHM=TEMPTABLE VIEW renamed (` + "`x y`, z) AS SELECT `from`, `order by` FROM `select`" + ` UNION ALL SELECT 1, 'text';
CREATE ALGORITHM=MERGE DEFINER=clerks SQL SECURITY DEFINER VIEW checked AS SELECT * FROM packed WHERE id > 5 WITH LOCAL CHECK OPTION;
CREATE VIEW abroad AS SELECT Host, User FROM mysql.global_priv WHERE User = 'nobody ` + "`shop`." + `';
DELIMITER //
CREATE AGGREGATE FUNCTION longest(x text) RETURNS text CHARSET utf8mb4 BEGIN
	DECLARE l text DEFAULT ''; DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN l;
	LOOP FETCH GROUP NEXT ROW; IF length(x) > length(l) THEN SET l = x; END IF; END LOOP;
END //
CREATE PROCEDURE ` + "`in out`" + `(INOUT n int, IN t varchar(10) CHARSET latin1) MODIFIES SQL DATA COMMENT 'it''s "odd"' BEGIN
	DECLARE EXIT HANDLER FOR SQLSTATE '23000' SET n = -1; -- a remark
	SET n = n + longest2(t);
END //
CREATE DEFINER=clerk@'10.%' FUNCTION longest2(t text) RETURNS int READS SQL DATA SQL SECURITY INVOKER RETURN (SELECT length(longest(t)) FROM packed LIMIT 1) //
CREATE TRIGGER no_more BEFORE INSERT ON refused FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more' //
CREATE TRIGGER no_less BEFORE DELETE ON refused FOR EACH ROW SIGNAL SQLSTATE '45000' //
CREATE TRIGGER even_before BEFORE INSERT ON refused FOR EACH ROW PRECEDES no_more SET NEW.id = NEW.id + 1 //
SET time_zone = '+05:30' //
CREATE EVENT once ON SCHEDULE AT '2035-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE DO DELETE FROM empty //
CREATE EVENT often ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2030-01-01 00:00:00' ENDS '2031-01-01 00:00:00' DISABLE ON SLAVE DO CALL ` + "`in out`" + `(@n, 'ä') //
DELIMITER ;
CREATE ROLE chiefs; GRANT clerks TO chiefs WITH ADMIN OPTION; GRANT EXECUTE ON FUNCTION shop.longest TO clerks; GRANT EXECUTE ON PROCEDURE shop.` + "`in out`" + ` TO chiefs WITH GRANT OPTION;
CREATE USER 'odd ''name'''@'%' IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('x') REQUIRE SUBJECT '/CN=x' AND ISSUER '/CN=y' WITH MAX_USER_CONNECTIONS 3 MAX_QUERIES_PER_HOUR 100 ACCOUNT LOCK PASSWORD EXPIRE NEVER;
GRANT SELECT (id, t), INSERT ON shop.packed TO 'odd ''name'''@'%'; GRANT ALL ON ` + "`shop\\_%`" + `.* TO 'odd ''name'''@'%' WITH GRANT OPTION; GRANT chiefs TO 'odd ''name'''@'%';
`

// All that the server can hold comes back identical, its accounts with it, into
// the database as it is, and where there is none any more.
func TestWholeRangeComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sql(schema + wholeRange + "GRANT clerks TO root@'%' WITH ADMIN OPTION")
	store := kindtest.NewMemory()
	server, item := r.item(""), r.item("shop")
	before := r.facts()
	accounts, _ := r.capture(server, store, nil)
	part, facts := r.capture(item, store, nil)
	require.Equal(t, r.factsOf(item), facts)
	require.Empty(t, part.Gaps)
	restore := func(parts ...kind.Part) {
		for _, p := range parts {
			require.NoError(t, r.driver.Restore(t.Context(), r.ws, p, store))
		}
		require.Empty(t, changed(before, r.facts()))
	}
	for range testbed.Times(1, 20) {
		testbed.Exec(t, r.container, "mariadb", "shop", "-e", `SET foreign_key_checks = 0; DROP TRIGGER no_less; DELETE FROM refused; DROP TRIGGER no_more; DROP VIEW checked; DROP EVENT once; DROP FUNCTION longest2;
			DELETE HISTORY FROM aged; UPDATE aged SET n = 9; DELETE FROM packed WHERE id = 0; ALTER TABLE listed DROP PARTITION one; ALTER TABLE keyed ALTER KEY hidden NOT IGNORED, DROP KEY long_one;
			ALTER TABLE defaults ALTER n DROP DEFAULT; DELETE FROM nokey LIMIT 1; DO NEXTVAL(turning); TRUNCATE hashed; DELETE FROM lookup`)
		restore(part)
		testbed.Exec(t, r.container, "mariadb", "-e", `DROP DATABASE shop; DROP ROLE chiefs; ALTER USER 'odd ''name'''@'%' REQUIRE NONE ACCOUNT UNLOCK; REVOKE INSERT ON shop.packed FROM 'odd ''name'''@'%'; CREATE USER late`)
		restore(accounts, part)
	}
	require.NotContains(t, r.sql("SHOW DATABASES"), "dogear")

	// A role that is not ours to grant is named before any account is touched.
	r.sql("REVOKE ADMIN OPTION FOR clerks FROM root@'%'; REVOKE clerks FROM chiefs; CREATE USER later")
	live := r.facts()
	preview, err := r.driver.Preview(t.Context(), r.ws, accounts, store)
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(preview.Conflicts), "role `clerks` can be granted and taken away only by who has it WITH ADMIN OPTION, and root@% has not")
	require.ErrorContains(t, r.driver.Restore(t.Context(), r.ws, accounts, store), "WITH ADMIN OPTION")
	require.Empty(t, changed(live, r.facts()))
}
