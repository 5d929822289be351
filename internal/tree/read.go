package tree

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"dogear/internal/content"
	"dogear/kind"
)

// reader reads entries and stores their content. It is for one goroutine.
type reader struct {
	dirs    opener
	opts    Options
	sink    kind.Sink // nil: chunks are named only
	spill   *spill    // not nil: content is copied there, neither cut nor stored
	now     func() time.Time
	cdc     content.Splitter   // nil until a file needs it: its buffer is large
	fixed   content.Splitter   // as above, of small files that are updated in place
	bases   map[string]*record // see pass
	lasting map[string]*record
	buf     []byte // for files that are one chunk
	read    int64  // bytes of content
}

// attempts is how often a file is read that changes meanwhile.
const attempts = 3

// A sinkError ends a capture; an error of a file only leaves the file out.
type sinkError struct{ error }

func (e sinkError) Unwrap() error { return e.error }

func newReader(root int, opts Options, sink kind.Sink, now func() time.Time, bases map[string]*record) *reader {
	return &reader{dirs: opener{root: root}, opts: opts, sink: sink, now: now, bases: bases}
}

// records reads nodes[i] into records[i] for each i that comes.
func (r *reader) records(ctx context.Context, nodes []node, records []record, next <-chan []int) (err error) {
	defer func() { err = errors.Join(err, r.dirs.forget()) }()
	for some := range next {
		for _, i := range some {
			if records[i], err = r.record(ctx, &nodes[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// record reads the entry of a node. What is gone has an empty record; what
// cannot be read is Unread. Errors are those of the sink and the context.
func (r *reader) record(ctx context.Context, n *node) (record, error) {
	if n.typ == Boundary {
		return record{Entry: Entry{Path: n.path, Type: Boundary}}, nil
	}
	if n.err != nil {
		return r.unread(n, n.err), nil
	}
	rec, err := r.attempt(ctx, *n)
	var fatal sinkError
	switch {
	case err == nil:
		return rec, nil
	case errors.As(err, &fatal) || ctx.Err() != nil:
		return record{}, err
	case r.gone(n.path):
		return record{}, nil
	}
	return r.unread(n, err), nil
}

// gone reports whether there is no such entry any more.
func (r *reader) gone(path string) bool {
	dir, name, err := r.dirs.parent(path)
	if err == nil {
		_, _, err = status(dir, name)
	}
	return errors.Is(err, unix.ENOENT)
}

func (r *reader) unread(n *node, why error) record {
	rec := record{Entry: n.stamp.entry(n.path), stamp: n.stamp, readAt: r.now(), why: why.Error()}
	rec.Unread = true
	return rec
}

// attempt reads an entry until it holds still meanwhile.
func (r *reader) attempt(ctx context.Context, n node) (rec record, err error) {
	dir, name, err := r.dirs.parent(n.path)
	if err != nil {
		return record{}, err
	}
	for range r.attemptsAt(&n) {
		var stable bool
		rec, stable, err = r.once(ctx, dir, name, &n)
		if stable || err != nil && !errors.Is(err, errReplaced) {
			return rec, err
		}
		var st unix.Statx_t
		if err := statx(dir, name, &st); err != nil {
			return record{}, err
		}
		n.stamp, n.sparse = stampOf(&st), isSparse(&st)
	}
	rec.Unstable = true
	return rec, err
}

// errReplaced says that another file took the place of the one that was
// looked at before it could be opened.
var errReplaced = errors.New("it was replaced again and again while it was being opened")

// once reads an entry, and reports whether it held still: whether afterwards
// it has the stamp of the node.
func (r *reader) once(ctx context.Context, dir int, name string, n *node) (rec record, stable bool, err error) {
	rec = record{Entry: n.stamp.entry(n.path), stamp: n.stamp, readAt: r.now(), stored: r.sink != nil}
	if rec.Type == Regular {
		stable, err = r.file(ctx, dir, name, n.sparse, &rec)
		return rec, stable, err
	}
	if rec.Xattrs, err = xattrsOf(dir, name); err != nil {
		return record{}, false, err
	}
	if rec.Type == Symlink {
		if rec.Target, err = readLink(dir, name); err != nil {
			return record{}, false, err
		}
	}
	after, _, err := status(dir, name)
	return rec, after == rec.stamp, err
}

// file reads a regular file, and reports whether it held still.
func (r *reader) file(ctx context.Context, dir int, name string, sparse bool, rec *record) (stable bool, err error) {
	fd, err := openFile(dir, name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if err := r.calm(fd, rec); err != nil {
		return false, err
	}
	if rec.Xattrs, err = xattrsOfFile(fd); err != nil {
		return false, err
	}
	if sparse {
		if rec.Holes, err = holesOf(fd, rec.Size); err != nil {
			return false, err
		}
	}
	if err := r.content(ctx, fd, rec); err != nil {
		return false, err
	}
	after, _, err := status(fd, "")
	return after == rec.stamp, err
}

// content reads the content of a file.
func (r *reader) content(ctx context.Context, fd int, rec *record) (err error) {
	switch {
	case r.keep(rec):
		return nil
	case r.opts.paged(rec.Path, rec.Size):
		return r.pagedFile(ctx, fd, rec)
	case r.spill != nil:
		rec.spilled, err = r.spill.add(fd, rec.Size, rec.Holes, kind.MatchAny(r.opts.Lasting, rec.Path))
		return err
	case rec.Size <= content.MinSize && len(rec.Holes) == 0:
		return r.small(ctx, fd, rec)
	}
	return r.ingest(ctx, dataOf(fileAt(fd), rec.Size, rec.Holes), rec)
}

// small reads a file that is one chunk.
func (r *reader) small(ctx context.Context, fd int, rec *record) error {
	if r.buf == nil {
		r.buf = make([]byte, content.MinSize)
	}
	n, err := fileAt(fd).ReadAt(r.buf[:rec.Size], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read: %w", err)
	}
	if n == 0 {
		rec.Digest = sha256.Sum256(nil)
		return nil
	}
	if err := r.put(ctx, r.buf[:n], rec); err != nil {
		return err
	}
	rec.Digest = rec.Chunks[0]
	return nil
}

// calm makes sure that the open file is the one that was looked at, and that
// stores through a shared mapping will show: the kernel moves a file's times at
// the first store to a clean page only. A file with a writer is therefore
// written back first; the next store then changes its ctime, which is later
// than readAt. In the frozen pass nobody stores, and writing back takes too
// long.
func (r *reader) calm(fd int, rec *record) error {
	s, _, err := status(fd, "")
	if err != nil {
		return err
	}
	if s.inode() != rec.stamp.inode() || s.kind() != Regular {
		return errReplaced
	}
	if r.spill != nil || rec.readAt.Sub(rec.stamp.ctime.time()) > writeBack || !hasWriter(fd) {
		return nil
	}
	const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	if err := unix.SyncFileRange(fd, 0, 0, all); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("write back: %w", err)
	}
	return nil
}

// writeBack is longer than the kernel leaves dirty pages in memory.
const writeBack = 5 * time.Minute

// hasWriter reports whether anybody has the file open for writing, or may
// have: a read lease is refused then.
func hasWriter(fd int) bool {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
		return true
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	return err != nil
}

// ingest cuts data, the content of a file without its holes, into chunks,
// stores them and fills in the entry's digest.
func (r *reader) ingest(ctx context.Context, data io.Reader, rec *record) error {
	splitter, err := r.splitter(rec.Path)
	if err != nil {
		return err
	}
	sum := newDigest(rec.Size, rec.Holes)
	splitter.Reset(io.TeeReader(data, sum))
	rec.Chunks = nil
	for {
		chunk, err := splitter.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if err := r.put(ctx, chunk, rec); err != nil {
			return err
		}
	}
	rec.Digest = sum.finish()
	return nil
}

// splitter returns what cuts a file that is not paged.
func (r *reader) splitter(path string) (_ content.Splitter, err error) {
	if r.opts.inPlace(path) {
		if r.fixed == nil {
			r.fixed = content.SmallBlocks()
		}
		return r.fixed, nil
	}
	if r.cdc == nil {
		r.cdc, err = content.ContentDefined()
	}
	return r.cdc, err
}

func (r *reader) put(ctx context.Context, chunk []byte, rec *record) error {
	r.read += int64(len(chunk))
	if r.sink == nil {
		rec.Chunks = append(rec.Chunks, kind.Sum(chunk))
		return ctx.Err()
	}
	id, err := r.sink.Put(ctx, chunk)
	if err != nil {
		return sinkError{fmt.Errorf("store %s: %w", kind.Printable(rec.Path), err)}
	}
	rec.Chunks = append(rec.Chunks, id)
	return nil
}

func readLink(dir int, name string) (string, error) {
	target, err := grow(func(buf []byte) (int, error) {
		if buf == nil {
			return unix.PathMax, nil
		}
		n, err := unix.Readlinkat(dir, name, buf)
		if err == nil && n == len(buf) {
			err = unix.ERANGE // it may have been cut off
		}
		return n, err
	})
	if err != nil {
		return "", fmt.Errorf("read link: %w", err)
	}
	return string(target), nil
}
