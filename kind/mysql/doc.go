// Package mysql captures and restores the databases of MariaDB and MySQL
// servers that run in the containers of a workspace, or at an address that
// dogear.yaml names (see address.go). It is tested with MariaDB 10.11; nothing of
// it has been run against MySQL.
//
// # Items
//
// Each server has an item mysql/SERVER for what belongs to no database
// (accounts and what they may, variables set while it runs, plugins), and one
// mysql/SERVER/DATABASE for each database but its own. SERVER is the Compose
// service, or the container's name. Which container runs a server is told by
// its processes; of one that has stopped, by its data directory.
//
// # Physical copy and facts
//
// The files of a server travel as bytes with the volume (or the directory, or
// the container's layer) that holds them. An idle server rewrites some of
// them, so every item of a server claims them, wherever the server has put
// them, and its facts stand for them: each column, key and constraint, each
// view, routine, trigger and event as the server writes it, the rows of each
// table as a number and a digest ("table orders" = "812 rows, 9c1e…, next
// 813"), the value of each sequence.
//
// The digest of a table is the sum of the digests of its rows (see package
// rowsum), read under fixed settings: bytes as they are stored, FLOAT with all
// its digits, the history of system-versioned tables with its times. The same
// stream is what is stored as the dump. Tables of InnoDB are not read again while
// its log ends where it ended (see proofs).
//
// What no file holds, the rows of MEMORY tables, variables set by SET GLOBAL and
// numbers that AUTO_INCREMENT has skipped, is always captured, and put back by
// Start once the server runs.
//
// # One point in time
//
// Hold makes commits wait for a moment (BACKUP STAGE, or FLUSH TABLES WITH
// READ LOCK), opens the transactions of several sessions, and reads tables
// without transactions at once; everything else is read from the transactions
// after the thaw. Each database has its own transactions. Where InnoDB does not
// write its log at each commit, Hold waits until it has, so that the files have
// all that the transactions see.
//
// # Restore of a dump
//
// See swap.go. Every database is brought to the state of the dump by exchanging
// the tables that differ, which are loaded beside and compared first; accounts
// are altered, created and dropped. Tables named behind the database
// (mysql/SERVER/DATABASE:TABLE) are exchanged alone. The state before is what the
// safety snapshot holds: tables that were written to after it was taken are put
// back, and the restore ends.
//
// # What is not done
//
// The history of a table that counts
// it in transactions, and plugins, functions of libraries and linked servers
// come back with the server's files only; so does a database that is too large
// to be dumped. Runtime variables of MySQL are not captured. A variable set
// since is not reset to the value of the configuration.
package mysql
