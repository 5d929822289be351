package mysql_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
)

// dumped writes a dump of the program beside the server into a file.
func (r *rig) dumped(args ...string) string {
	r.Helper()
	path := filepath.Join(r.TempDir(), "dump")
	script := testbed.Run(r, "docker", append([]string{"exec", r.container, "mariadb-dump", "--default-character-set=utf8mb4"}, args...)...)
	require.NoError(r, os.WriteFile(path, []byte(script+"\n"), 0o600))
	return path
}

func zipped(t *testing.T, path string) string {
	t.Helper()
	plain, err := os.ReadFile(path)
	require.NoError(t, err)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(path+".gz", b.Bytes(), 0o600))
	return path + ".gz"
}

// A dump of another program becomes a part with everything that is in it, and
// is then what is restored: with the accounts that programs run as (without
// prepared and rename they would be ours), and with sequences that are
// defaults (counts). What the dump lacks is FLOATs (M1) and, unless asked for,
// history (M2).
func TestDumpsOfOtherPrograms(t *testing.T) {
	r := newRig(t)
	r.sql(schema + `CREATE DEFINER=clerk@'10.%' VIEW theirs AS SELECT id FROM orders;
CREATE USER gone; CREATE DEFINER=gone PROCEDURE stray() SELECT 'DEFINER=x@y';`)
	item := r.item("shop")
	want := r.factsOf(item)
	complete := []string{"--routines", "--events", "--dump-history"}
	whole := r.dumped(append(complete, "--databases", "shop")...)
	rounded := []string{"shop: table odd", "shop: table sessions"} // they have FLOATs
	files := []struct {
		path      string
		differing []string // nil: it is not all of the database
	}{
		{zipped(t, whole), rounded},
		{r.dumped(append(complete, "--skip-comments", "shop")...), rounded},
		{r.dumped("--skip-triggers", "--compact", "shop", "old", "places"), nil},
	}
	testbed.Exec(t, r.container, "mariadb", "-e", "DROP USER gone")
	testbed.Exec(t, r.container, "mariadb", "shop", "-e", wrecks[2].sql)
	for _, file := range files {
		path, differing := file.path, file.differing
		before := r.facts()
		store := kindtest.NewMemory()
		part, err := r.driver.Import(t.Context(), r.ws, item, path, store)
		require.NoError(t, err, path)
		have := collect(t, part.ID, part.Facts)
		require.Empty(t, changed(before, r.facts()), "nothing live was changed")
		require.NotContains(t, r.sql("SHOW DATABASES; SELECT User FROM mysql.user"), "dogear")
		part.Needs, part.RunsIn, part.Claims = item.Needs, item.RunsIn, item.Claims
		if differing != nil {
			require.Equal(t, differing, changed(want, have))
			require.Equal(t, []kind.Gap{{Part: part.ID, What: "account `gone`@`%`", Why: "the server has no such account, and what runs as it does not run: procedure stray"}}, part.Gaps)
			require.Contains(t, have["shop: schema view theirs"], "DEFINER=`clerk`@`10.%`")
			require.Contains(t, have["shop: schema procedure stray"], "'DEFINER=x@y'")
		} else {
			require.Contains(t, have["shop: table old"], "2 rows")
			require.NotContains(t, have, "shop: table customers")
		}
		require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, store), path)
		require.Empty(t, changed(have, r.factsOf(item)))
	}
	fresh := item
	fresh.ID.Name = r.container + "/copy of it"
	part, err := r.driver.Import(t.Context(), r.ws, fresh, whole, kindtest.NewMemory())
	require.NoError(t, err)
	require.Equal(t, fresh.ID, part.ID)
	require.Equal(t, kind.ID{Kind: "mysql", Name: r.container}, r.driver.Parent(fresh.ID))
}

// M3, and more than it: what a script from elsewhere says to the client is not
// run, and what it says to the server may be about its own database only
// (prepare: the account). One that is cut off is no dump. Nothing is left of
// the attempt.
func TestHostileDumps(t *testing.T) {
	r := newRig(t)
	r.sql("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1); CREATE DATABASE other; CREATE TABLE other.t (x int)")
	item := r.item("shop")
	good := "CREATE TABLE t (x text);\nINSERT INTO t VALUES ('a;b'),(\"c\\\"; -- d\"),('e''\\\\');\n"
	begins, ends := "-- MariaDB dump 10.19\n", "-- Dump completed on 2026-01-01\n"
	before := r.facts()
	witness := filepath.Join(t.TempDir(), "witness")
	try := func(script string) (kind.Part, error) {
		path := filepath.Join(t.TempDir(), "dump")
		require.NoError(t, os.WriteFile(path, []byte(script), 0o600))
		return r.driver.Import(t.Context(), r.ws, item, path, kindtest.NewMemory())
	}
	for script, want := range map[string]string{
		good + `\! touch ` + witness + "\n":                                       `the command \! for the mysql client`,
		good + `select 1; \! touch ` + witness + "\n":                             `the command \! for the mysql client`,
		"system touch " + witness + "\n":                                          "the command system for the mysql client",
		"source /etc/passwd\n":                                                    "the command source for the mysql client",
		"tee " + witness + "\n":                                                   "the command tee for the mysql client",
		"USE shop;\n" + good + "USE other;\n":                                     "several databases",
		"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a`;\nDROP DATABASE `other`;\n": "several databases",
		"INSERT INTO other.t VALUES (1);\n":                                       "its own database only",
		"DROP TABLE shop.orders;\n":                                               "its own database only",
		"CREATE USER evil;\n":                                                     "its own database only",
		"GRANT ALL ON *.* TO root@'%';\n":                                         "a statement GRANT",
		"/*!50003 PURGE BINARY LOGS BEFORE now() */;\n":                           "a statement PURGE",
		"SHUTDOWN;\n": "a statement SHUTDOWN",
		"LOAD DATA INFILE '/etc/passwd' INTO TABLE t;\n": "a statement LOAD",
		"SELECT 'x' INTO OUTFILE '/tmp/witness';\n":      "its own database only",
		good + "CREATE DEFINER=root@localhost TRIGGER g AFTER INSERT ON t FOR EACH ROW DELETE FROM shop.orders;\nINSERT INTO t VALUES ('fired');\n": "its own database only",
		good + "CREATE DEFINER=`root`@`localhost` PROCEDURE p() DELETE FROM shop.orders;\nCALL p();\n":                                              "its own database only",
		"INSERT INTO t VALUES ('half":      "not whole",
		good + "CREATE TABLE more (x int)": "not whole",
		begins + good:                      "not whole: it lacks",
		"/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;\n" + good: "not whole: it lacks",
		"\x1f\x8bnot really":   "unpack the dump",
		"SQLite format 3\x00 ": "it is no script",
		"CREATE TABLE t (x int); INSERT INTO t VALUES ('x', 'y');\n": "Column count doesn't match",
	} {
		_, err := try(script)
		require.ErrorContains(t, err, want, script)
		require.NoFileExists(t, witness)
	}
	require.Empty(t, changed(before, r.facts()))
	require.NotContains(t, r.sql("SHOW DATABASES; SELECT User FROM mysql.user"), "dogear")

	// What is harmless is left out or understood.
	part, err := try("/*M!999999\\- enable the sandbox mode */ \n" + begins + "-- Host: x    Database: prod\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ `prod` /*!40100 DEFAULT CHARACTER SET latin1 */;\nUSE `prod`;\n" +
		"SET @@GLOBAL.GTID_PURGED='x'; SET SQL_LOG_BIN=0; CHANGE MASTER TO MASTER_LOG_FILE='x'; /* nothing; */ # nor; this\n" + good +
		"SET sql_mode='NO_BACKSLASH_ESCAPES';\nINSERT INTO t VALUES ('a\\');\nSET sql_mode='';\nDELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END;;\nDELIMITER ;\n" + ends)
	require.NoError(t, err)
	have := collect(t, part.ID, part.Facts)
	require.Contains(t, have["shop: table t"], "4 rows")
	require.Contains(t, have["shop: database"], "latin1")
	require.Contains(t, have["shop: schema procedure p"], "SELECT 2; END")
	require.Contains(t, have["shop: schema procedure p"], "DEFINER=`root`@")
	require.Empty(t, changed(before, r.facts()))
	_, err = r.driver.Import(t.Context(), r.ws, r.item(""), witness, kindtest.NewMemory())
	require.ErrorContains(t, err, "name it as mysql/SERVER/DATABASE")
}

// What a killed import has left is cleared away by the next, and is no database
// meanwhile (sweep).
func TestWhatAKilledImportLeftIsClearedAway(t *testing.T) {
	r := newRig(t)
	item := r.item("shop")
	sum := sha256.Sum256([]byte("shop"))
	left := "dogear_restore_import_" + hex.EncodeToString(sum[:8])
	r.sql("CREATE DATABASE " + left + "; CREATE TABLE " + left + ".t (x int); CREATE USER " + left + "; GRANT ALL ON " + left + ".* TO " + left)
	r.find()
	require.Len(t, r.items, 2)
	path := filepath.Join(t.TempDir(), "dump")
	require.NoError(t, os.WriteFile(path, []byte("CREATE TABLE t (x int);\n"), 0o600))
	_, err := r.driver.Import(t.Context(), r.ws, item, path, kindtest.NewMemory())
	require.NoError(t, err)
	require.NotContains(t, r.sql("SHOW DATABASES; SELECT User FROM mysql.user"), "dogear")
}
