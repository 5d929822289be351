package docker

import (
	"slices"

	"dogear/kind"
)

// LayerVolatile returns the paths of a writable layer that a system writes by
// itself: captured and restored as bytes, and otherwise not compared.
func LayerVolatile(ws *kind.Workspace) []kind.Pattern {
	return slices.Concat([]kind.Pattern{
		"run", "var/run", "tmp", "var/tmp", "var/log", "var/cache",
	}, VolumeVolatile(ws))
}

// VolumeVolatile is the same for volumes. Lock files are named one by one:
// many a *.lock (composer.lock, yarn.lock) is somebody's work.
func VolumeVolatile(ws *kind.Workspace) []kind.Pattern {
	return slices.Concat([]kind.Pattern{
		"**/*.pid", "**/*.pid.lock", "**/*.sock", "**/*.sock.lock", "**/.s.*", "**/mongod.lock", "**/.lock",
	}, ws.Volatile)
}
