// Package courier runs the tree engine in another process that may read and
// write what this one may not: a container that mounts the engine's data
// directory. Both ends are the same program, so that the result is the same as
// if this process had done it.
//
// The two talk over a pair of streams, in messages encoded by encoding/gob.
// Either end may ask; many questions may be open at once. The host asks for
// work on trees; the courier asks for what only the host has: the store and
// the stat indexes. There is no format to keep: the program in the container
// is named after its content, and is the one that talks to it.
//
// How the container comes about is the business of package docker.
package courier
