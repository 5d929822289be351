package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"dogear/internal/handles"
	"dogear/kind"
)

// volumeKind is the kind of the trees outside the workspace in which databases
// are looked for.
const volumeKind = "volume"

// home is where the files of a database are.
type home interface {
	// stamp tells one state of the files from the next. It returns
	// kind.ErrGone if there is no database.
	stamp(ctx context.Context) (stamp, error)
	// copy makes a private copy of one state.
	copy(ctx context.Context) (*copied, error)
	// obstacles says why the database cannot be replaced.
	obstacles(ctx context.Context) ([]string, error)
	// place makes a complete copy the database. The attributes are those of
	// the live file, or, if there is none, the given ones. A killed place is
	// done again by the next.
	place(ctx context.Context, c *copied, as owner) error
	// sweep removes what a killed place has left.
	sweep() error
}

// homeOf returns where an item's files are: in a volume that it needs, or in
// the workspace.
func (d *Driver) homeOf(ctx context.Context, ws *kind.Workspace, item kind.Item) (home, error) {
	for _, id := range item.Needs {
		if id.Kind == volumeKind {
			return d.newHoused(ctx, ws, item, id)
		}
	}
	return &inTheWorkspace{ws: ws, id: item.ID}, nil
}

// inTheWorkspace is a home that this process reads and writes itself.
type inTheWorkspace struct {
	ws *kind.Workspace
	id kind.ID
}

func (h *inTheWorkspace) unit() unit {
	return unitAt(filepath.Join(h.ws.Root, filepath.FromSlash(h.id.Name)))
}

func (h *inTheWorkspace) stamp(context.Context) (stamp, error) {
	s, err := h.unit().stamp()
	if errors.Is(err, fs.ErrNotExist) {
		return s, kind.ErrGone
	}
	return s, err
}

func (h *inTheWorkspace) copy(ctx context.Context) (*copied, error) { return h.unit().copy(ctx) }

func (h *inTheWorkspace) place(ctx context.Context, c *copied, as owner) error {
	return place(ctx, h.ws, h.id, c, as)
}

func (h *inTheWorkspace) sweep() error { return sweepStaged(h.ws, h.id) }

func (h *inTheWorkspace) obstacles(context.Context) ([]string, error) {
	path := h.unit().path
	files := make(map[handles.File]bool)
	var conflicts []string
	for _, suffix := range content {
		var st unix.Stat_t
		if err := unix.Lstat(path+suffix, &st); err != nil {
			continue
		}
		files[handles.File{Dev: st.Dev, Ino: st.Ino}] = true
		if st.Nlink > 1 {
			conflicts = append(conflicts, linked(filepath.Base(path+suffix), uint32(st.Nlink)))
		}
	}
	if _, err := os.Lstat(filepath.Dir(path)); err != nil {
		conflicts = append(conflicts, directoryGone)
	}
	opened, err := holding(files)
	return append(conflicts, opened...), err
}

const directoryGone = "its directory is gone: restore the tree that holds it"

func linked(name string, links uint32) string {
	return fmt.Sprintf("%s has %d names (hard links), which replacing it would tear apart: restore the tree that holds them", kind.Printable(name), links)
}

// holding says who on this host has files open.
func holding(files map[handles.File]bool) ([]string, error) {
	holders, err := handles.Of(files)
	var conflicts []string
	for _, h := range holders {
		conflicts = append(conflicts, fmt.Sprintf("it is open in %s, which would write over what is restored: end that first", h))
	}
	return conflicts, err
}

// nameInVolume returns the path of a database in its volume.
func nameInVolume(id kind.ID) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(id.Name, volumeKind+"/"), "/")
	return path
}
