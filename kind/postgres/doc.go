// Package postgres captures and restores the databases of Postgres servers
// that run in the containers of a workspace, or that dogear.yaml names.
//
// # Items
//
// Each server has an item postgres/SERVER for what belongs to no database
// (roles, tablespaces, replication slots), and one postgres/SERVER/DATABASE
// for each database but the templates. SERVER is the Compose service, or the
// container's name. Which container runs a server is told by its processes;
// of one that has stopped, by its data directory.
//
// # Physical copy and facts
//
// The files of a server travel as bytes with the volume (or the directory,
// or the container's layer) that holds them, and come back with it: exact,
// and fast. They cannot be compared as bytes, since an idle server rewrites
// some of them. So every item of a server claims them, and its facts stand
// for them: the definition of each object, read from the catalogs
// ("schema column public.orders.total"), the rows of each table as a number
// and a digest ("table public.orders" = "812 rows, 9c1e…"), the value of each
// sequence. Configuration files are not claimed; they are compared as bytes.
//
// The digest of a table is the sum of the SHA-256 of its rows, as COPY writes
// them under fixed settings: it knows how often a row is there, and neither
// in which order nor at which place in the file. The same stream is what is
// stored as the dump. While no transaction has ended in the server nothing is
// read again (proof.go).
//
// # One point in time
//
// Hold opens one repeatable-read, read-only transaction per database while
// the workspace's writers are frozen and the server is not; everything that
// follows the thaw is read from it. Hold reads the sequences at once, since
// they are outside transactions, and locks the tables against redefinition,
// as pg_dump does. The server's own item writes a checkpoint first: a copy
// taken after it comes back with its sequences where they were, not up to 32
// values ahead.
//
// # Restore of a dump
//
// Selected without the tree that holds its files, an item comes back from its
// dump. A database is loaded beside the live one, compared with the dump, and
// given its name in one transaction (swap.go); tables keep their identity, and
// their rows are exchanged (tables.go); roles are altered, created and dropped
// (roles.go). A server that came back with its files gets back what recovery
// has lost: the rows of unlogged tables, and where sequences stood (Start).
//
// # What is not done
//
// Operators, casts, text search objects and the like are compared by name and
// owner only. Replication slots, prepared transactions and subscriptions that
// are at work come back with the server's files only.
package postgres
