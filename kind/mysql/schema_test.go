package mysql_test

// schema has every type whose text or bytes are a trap, and one object of
// each kind that the server knows.
const schema = `
SET NAMES utf8mb4; SET foreign_key_checks = 0;
CREATE ROLE clerks;
CREATE USER clerk@'10.%' IDENTIFIED BY 'quite secret';
GRANT clerks TO clerk@'10.%';
SET DEFAULT ROLE clerks FOR clerk@'10.%';
ALTER DATABASE shop COMMENT 'what is sold';
CREATE SEQUENCE numbers START 10001 INCREMENT 3 CACHE 10;
CREATE SEQUENCE drawn; DO NEXTVAL(drawn);
CREATE TABLE customers (
	id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(40) NOT NULL COMMENT 'said,
as written', best int DEFAULT NULL, secret int INVISIBLE DEFAULT 7, number bigint DEFAULT nextval(shop.numbers),
	shout varchar(40) AS (upper(name)) VIRTUAL, kept varchar(40) AS (concat(name, '!')) PERSISTENT,
	CONSTRAINT named CHECK (name <> ''), CONSTRAINT best FOREIGN KEY (best) REFERENCES orders (id) ON DELETE SET NULL,
	KEY shouts (shout)
) COMMENT 'who buys';
CREATE TABLE orders (
	id int NOT NULL AUTO_INCREMENT PRIMARY KEY, customer int NOT NULL, total decimal(10,2) DEFAULT 0, placed timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
	FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE, UNIQUE KEY (customer, placed)
) ROW_FORMAT=COMPRESSED;
INSERT INTO customers (id, name, best) SELECT seq, concat('customer ', seq), if(seq % 2, seq, NULL) FROM seq_1_to_50;
INSERT INTO orders (id, customer, total, placed) SELECT seq, 1 + seq % 50, seq * 1.10, '2024-03-31 02:30:00.25' + interval seq hour FROM seq_1_to_500;
INSERT INTO orders (id, customer) VALUES (900, 1); DELETE FROM orders WHERE id = 900;
CREATE TABLE odd (
	k int, f float, ff float(10,2), d double, n decimal(65,30), bits bit(9), wide bit(64), j json, g geometry, at point, s set('a','b','c'), e enum('x','y'),
	ts timestamp(3) NULL, dt datetime(6), da date, ti time(3), y year, ip inet6, u uuid, c varchar(20) CHARACTER SET latin1,
	sj varchar(20) CHARACTER SET sjis, u2 varchar(20) CHARACTER SET ucs2, b blob, vb varbinary(20), t longtext, z int(5) zerofill, i bigint unsigned
);
SET sql_mode = ''; INSERT INTO odd VALUES
	(1, 16777216, 1.25, 0.1, 12345678901234567890.123456789012345678901234567890, b'101010101', 18446744073709551615, '{"a": [1, null]}', ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 4326), point(1,2), 'a,c', 'y',
	 '2024-10-27 00:30:00.5', '2024-02-00', '1999-12-31', '-12:34:56.789', 2024, '2001:db8:aaaa::1', '123e4567-e89b-12d3-a456-426655440000', 'ä',
	 _utf8mb4'ソ', _utf8mb4'Ω', x'00ff0a5c09271a0d', x'00', 'tab\there\nand \\N there', 7, 18446744073709551615),
	(2, 1.2345678806, 0, -0e0, 0, 0, 0, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', '', '', '', '', '', 0, 0),
	(3, 1e-45, 0, 5e-324, 0, 0, 0, 'null', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '::', NULL, NULL, NULL, NULL, NULL, NULL, 'NULL', 0, 0),
	(3, 3.4e38, -1.5, 1.7976931348623157e308, -1, 1, 1, '""', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '\\N', 0, 0),
	(3, 3.4e38, -1.5, 1.7976931348623157e308, -1, 1, 1, '""', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '\\N', 0, 0); SET sql_mode = DEFAULT;
CREATE TABLE ` + "`Strange \"name\" `` Ü 'x' . y`" + ` (` + "`a ``b`" + ` text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci, FULLTEXT (` + "`a ``b`" + `));
INSERT INTO ` + "`Strange \"name\" `` Ü 'x' . y`" + ` VALUES ('😀'), (NULL), ('');
CREATE TABLE prices (id int PRIMARY KEY, price int) WITH SYSTEM VERSIONING;
INSERT INTO prices VALUES (1, 10), (2, 20); UPDATE prices SET price = 11 WHERE id = 1; DELETE FROM prices WHERE id = 2;
CREATE TABLE terms (id int, a date, b date, PERIOD FOR valid (a, b), start timestamp(6) GENERATED ALWAYS AS ROW START, end timestamp(6) GENERATED ALWAYS AS ROW END,
	PERIOD FOR SYSTEM_TIME (start, end), PRIMARY KEY (id, valid WITHOUT OVERLAPS)) WITH SYSTEM VERSIONING;
INSERT INTO terms (id, a, b) VALUES (1, '2024-01-01', '2025-01-01'); UPDATE terms SET b = '2024-06-01';
CREATE TABLE events_by_year (at date NOT NULL, what text) PARTITION BY RANGE (year(at)) (PARTITION p2024 VALUES LESS THAN (2025), PARTITION rest VALUES LESS THAN MAXVALUE);
INSERT INTO events_by_year VALUES ('2024-05-06', 'a'), ('2026-01-01', 'b');
CREATE TABLE places (id int PRIMARY KEY, at point NOT NULL, SPATIAL KEY (at));
INSERT INTO places VALUES (1, point(1, 2)), (2, point(3, 4));
CREATE TABLE old (id int PRIMARY KEY, t varchar(10)) ENGINE=MyISAM; INSERT INTO old VALUES (1, 'a'), (2, 'b');
CREATE TABLE aria (id int PRIMARY KEY, t varchar(10)) ENGINE=Aria TRANSACTIONAL=1; INSERT INTO aria VALUES (1, 'a');
CREATE TABLE sessions (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, k varchar(20), r float) ENGINE=MEMORY AUTO_INCREMENT=100; INSERT INTO sessions (k, r) VALUES ('one', 16777216), (NULL, 2);
CREATE TABLE empty (id int);
GRANT SELECT, UPDATE (total) ON shop.orders TO clerks;
CREATE VIEW zz AS SELECT id, total FROM orders WHERE total > 100;
CREATE SQL SECURITY INVOKER VIEW aa AS SELECT z.id, c.name FROM zz z JOIN orders o ON o.id = z.id JOIN customers c ON c.id = o.customer WITH CASCADED CHECK OPTION;
DELIMITER //
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC COMMENT 'doubles' RETURN 2 * n //
CREATE PROCEDURE report(IN least int, OUT found int) SQL SECURITY INVOKER BEGIN DECLARE x int; SELECT count(*) INTO found FROM orders WHERE total > twice(least); END //
CREATE TRIGGER first_one BEFORE INSERT ON orders FOR EACH ROW SET NEW.total = coalesce(NEW.total, 0) //
create trigger second_one before insert on orders for each row follows first_one begin set new.total = abs(new.total); end //
CREATE TRIGGER changed AFTER UPDATE ON customers FOR EACH ROW INSERT INTO empty VALUES (NEW.id) //
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'cleans' DO BEGIN DELETE FROM empty; END //
SET sql_mode = ORACLE //
CREATE PACKAGE tools AS FUNCTION one RETURN int; END //
CREATE PACKAGE BODY tools AS FUNCTION one RETURN int AS BEGIN RETURN 1; END; END //
SET sql_mode = DEFAULT //
DELIMITER ;
`
