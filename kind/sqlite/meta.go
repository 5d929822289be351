package sqlite

import (
	"context"
	"errors"
	"os"
	"syscall"

	stored "dogear/internal/content"
	"dogear/kind"
)

// Names of the driver's objects.
const (
	metaObject     = "meta"
	databaseObject = "database"
)

// meta is what the driver keeps about a part for itself.
type meta struct {
	Format int `json:"format"`
	// Facts are compared with those of what is live.
	Facts statements `json:"facts"`
	// Owner is whose the file was.
	Owner owner `json:"owner"`
	// Large says that the database was not looked into: its files are
	// compared byte by byte, and come back with their tree.
	Large bool `json:"large,omitempty"`
}

// owner is what of a file is neither name nor content.
type owner struct {
	UID  int         `json:"uid"`
	GID  int         `json:"gid"`
	Mode os.FileMode `json:"mode"`
}

// special are the bits of a mode beside permissions.
var special = []struct {
	unix uint32
	mode os.FileMode
}{{0o4000, os.ModeSetuid}, {0o2000, os.ModeSetgid}, {0o1000, os.ModeSticky}}

// fileMode turns a mode of a tree's entry into one of this language.
func fileMode(unix uint32) os.FileMode {
	mode := os.FileMode(unix) & os.ModePerm
	for _, bit := range special {
		if unix&bit.unix != 0 {
			mode |= bit.mode
		}
	}
	return mode
}

// unixMode is the reverse of fileMode.
func unixMode(mode os.FileMode) uint32 {
	unix := uint32(mode & os.ModePerm)
	for _, bit := range special {
		if mode&bit.mode != 0 {
			unix |= bit.unix
		}
	}
	return unix
}

func ownerOf(info os.FileInfo) owner {
	o := owner{Mode: info.Mode() & (os.ModePerm | os.ModeSetuid | os.ModeSetgid | os.ModeSticky)}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		o.UID, o.GID = int(st.Uid), int(st.Gid)
	}
	return o
}

// errOlder is about a part from the time when only trees had the bytes.
var errOlder = errors.New("the part has no description of its database")

func readMeta(ctx context.Context, part kind.Part, source kind.Source) (meta, error) {
	var m meta
	object, ok := part.Object(metaObject)
	if !ok {
		return m, errOlder
	}
	return m, stored.GetJSON(ctx, source, object, &m)
}
