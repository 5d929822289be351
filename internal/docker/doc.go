// Package docker is the connection to a Docker engine: what belongs to a
// workspace there, what the engine says about it, and access to the file
// trees in the engine's data directory.
//
// It is the only package that knows the engine's client library; drivers see
// the types of this package. What the engine says is kept as it said it, so
// that a container can be created again field by field, whatever version of
// the engine wrote the fields. What a container or volume means for a
// snapshot is the business of the drivers, not of this package.
package docker
