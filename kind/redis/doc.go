// Package redis captures the Redis servers that run in the containers of a
// workspace, and Valkey servers, which answer the same (never tried with one).
//
// # Items
//
// Each server is one item, redis/SERVER, with all its databases. SERVER is the
// Compose service, or the container's name, or what dogear.yaml calls a server
// that runs in no container. Which container runs a server is
// told by its processes; of one that has stopped, by its command line.
//
// # The state is in memory
//
// The files of a server travel as bytes with the tree that holds them, and the
// item claims them: dump, append-only files, what a child is just writing.
// They are not the state. So Hold makes the server believe that a replica has
// come: it forks, and the child sends what the memory held at that instant
// (an RDB, read by package internal/rdb). Nothing is written into the data
// directory: two settings that would make it a file, or make the server wait
// for more replicas, are changed for that moment and put back.
//
// The stream is stored without what differs from one fork to the next, so that
// unchanged data costs nothing a second time. While it passes by, each key is
// digested. The facts are sums of those digests, per database and type, which
// know neither order nor packing; a key whose deadline has passed is not there,
// whether or not the server has found out.
//
// # Coming back
//
// The server starts from its files, whatever it makes of them. Then, before
// anything starts that could write to it, its memory is compared with what was
// captured, and loaded key by key (RESTORE, in one transaction) if it differs: a dump that was old,
// an append-only file that won over it, memory that was in no file at all.
// Settings and users that were only in memory come back the same way. A server
// that would lose its memory by being stopped is stopped only once the snapshot
// is committed.
//
// Deadlines are points in time. By default they stay where they were, and what
// has expired meanwhile is reported; -o redis.ttl=remaining gives each key the
// time that it had left.
//
// # What is not captured
//
// Scripts that were loaded for EVALSHA cannot be listed. Modules' state beside
// keys is not loaded. A replica's keys are its master's: they are captured, and
// not loaded. Of a cluster's node the keys are loaded, its place in the cluster
// comes back with nodes.conf. When a key was last used, for eviction, is not
// kept.
// Servers in containers that speak TLS only are not found.
package redis
