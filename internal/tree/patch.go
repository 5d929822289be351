package tree

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// place is where a run of pages belongs in a file.
type place struct {
	page int64
	run  Run
}

// placesOf returns where every page of a paged file belongs.
func placesOf(e *Entry) []place {
	places := make([]place, 0, len(e.Recipe.Runs))
	page := int64(0)
	for _, run := range e.Recipe.Runs {
		places = append(places, place{page: page, run: run})
		page += run.Pages
	}
	return places
}

// differing returns where the pages of want belong that live does not have at
// the same place.
func differing(live, want *Entry) []place {
	var places []place
	l, w := runCursor{runs: live.Recipe.Runs}, runCursor{runs: want.Recipe.Runs}
	for page, end := int64(0), pagesOf(want.Size); page < end; {
		n := min(l.left().Pages, w.left().Pages, end-page)
		have, run := l.take(n), w.take(n)
		if !samePages(live, have, want, run) {
			places = append(places, place{page: page, run: run})
		}
		page += n
	}
	return places
}

func samePages(a *Entry, x Run, b *Entry, y Run) bool {
	if x.Chunk < 0 || y.Chunk < 0 {
		return x.Chunk == zeros && y.Chunk == zeros
	}
	return a.Chunks[x.Chunk] == b.Chunks[y.Chunk] && x.First == y.First
}

func pagesAt(places []place) int64 {
	n := int64(0)
	for _, p := range places {
		n += p.run.Pages
	}
	return n
}

// neededBy returns the chunks whose pages belong to places, each once, in
// their order.
func neededBy(e *Entry, places []place) []kind.ChunkID {
	needed := make([]bool, len(e.Chunks))
	for _, p := range places {
		if p.run.Chunk >= 0 {
			needed[p.run.Chunk] = true
		}
	}
	var ids []kind.ChunkID
	for i, id := range e.Chunks {
		if needed[i] {
			ids = append(ids, id)
		}
	}
	return ids
}

// piecesAt returns what is needed of those chunks whose pages belong to places
// and of which not all is.
func piecesAt(e *Entry, places []place) []kind.Piece {
	var pieces []kind.Piece
	for _, at := range places {
		if at.run.Chunk >= 0 && at.run.Pages < e.Recipe.Pages[at.run.Chunk] {
			pieces = append(pieces, e.piece(at))
		}
	}
	return pieces
}

// piece is what belongs to a place.
func (e *Entry) piece(at place) kind.Piece {
	length := min(at.run.Pages*pageSize, e.Size-at.page*pageSize)
	return kind.Piece{Chunk: e.Chunks[at.run.Chunk], Offset: at.run.First * pageSize, Length: length}
}

// patch writes the pages of a file in place that differ, and checks that it
// has the wanted digest then. A patch that is cut short is done again, or
// taken back: the store has the pages of both. So they are written once, and
// to no other file before.
func (w *writer) patch(ctx context.Context, a action) (err error) {
	dir, name, err := w.dirs.parent(a.want.Path)
	if err != nil {
		return err
	}
	fd, err := open(dir, name, unix.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeWritten(fd)) }()
	leased := w.holding.lease(fd)
	s, _, err := status(fd, "")
	if err != nil {
		return err
	}
	if s != a.live.stamp {
		return errors.New("it changed while it was being restored")
	}
	if err := unsettle(fd); err != nil {
		return err
	}
	out := pageWriter{fd: fileAt(fd), want: a.want, places: differing(&a.live.Entry, a.want), punch: true}
	if err := out.run(ctx, w); err != nil {
		return err
	}
	if leased && a.live.isSettled() && a.live.Size == a.want.Size {
		pages, err := out.readBack(a.live)
		if err != nil {
			return err
		}
		if err := w.holding.keep(fd, a.want, pages); err != nil {
			return err
		}
	} else if err := out.verify(a.live); err != nil {
		return err
	}
	return setMeta(dir, name, a.want)
}

// unsettle gives a file another stamp that outlasts a loss of power. Pages
// that are written in place reach the disk in any order, also before their
// file's times: a stat index would then vouch for what is gone.
func unsettle(fd int) error {
	now := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_NOW}}
	if err := unix.UtimesNanoAt(fd, "", now, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("set times: %w", err)
	}
	if err := unix.Fsync(fd); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// fillPages writes a new paged file.
func (w *writer) fillPages(ctx context.Context, fd int, e *Entry) error {
	out := pageWriter{fd: fileAt(fd), want: e, places: placesOf(e)}
	if err := out.run(ctx, w); err != nil {
		return err
	}
	return out.verify(nil)
}
