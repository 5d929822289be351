// Package dbdiff says how two states of a database differ: in the statements
// that define it, and in the rows of a table. It knows no server: statements
// and rows come to it as text.
//
// # Rows
//
// Rows come in no order, in the form of package rowtext, as often as they are
// asked for. Two tables are compared as bags of digests, in
// as many passes as bounded memory needs; of a large table only those parts are
// looked at whose sums differ. The rows that only one side
// has are then matched by their key.
//
// # What is shown
//
// Names, keys and how many, but no values unless they are asked for: they are
// not even kept in memory then. All that is shown is printable.
package dbdiff
