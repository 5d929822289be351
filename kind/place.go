package kind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// Placer is a Driver that can say on which filesystem Restore writes.
type Placer interface {
	// Place returns the zero Place if it cannot be known.
	Place(ctx context.Context, ws *Workspace, part Part) (Place, error)
}

// Place is a directory, and how much room there is.
type Place struct {
	Dir        string
	Filesystem string // the same for all directories on it
	Free       int64  // bytes, for this user
}

// PlaceOf looks at the filesystem of a directory, or, if it is not there, of
// the one that it will be made in.
func PlaceOf(dir string) (Place, error) {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		var st syscall.Stat_t
		err := syscall.Stat(at, &st)
		if errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
			continue
		}
		var room syscall.Statfs_t
		if err == nil {
			err = syscall.Statfs(at, &room)
		}
		if err != nil {
			return Place{}, fmt.Errorf("look at the filesystem of %s: %w", dir, err)
		}
		return Place{Dir: dir, Filesystem: fmt.Sprint(st.Dev), Free: int64(room.Bavail) * int64(room.Bsize)}, nil
	}
}
