// Package rdb reads the snapshot format of Redis and of its descendants, key
// by key, from a stream: what BGSAVE writes and what a replica is sent.
//
// For each key it yields the name, the type, the deadline, a digest of the
// value, and, if asked, the value as the RESTORE command takes it. The digest
// is of what commands would read back: it knows neither the order of what has
// none nor how the server packs it. Values are hashed as they pass by, so that
// memory is needed for one element, not for one key.
//
// It knows nothing of servers and connections. The format is described in the
// servers' own sources (rdb.c, listpack.c, ziplist.c, intset.c, t_stream.c).
package rdb
