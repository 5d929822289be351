package tree

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"dogear/internal/content"
	"dogear/kind"
)

// A manifest is its heading, which holds the version of the encoding (see
// encode.go), and then the entries of a tree in the order of
// kind.CompareNames. The same tree gives the same bytes.
const manifestHeading = "dogear tree 2\n"

// manifestName is the name of the manifest's object.
const manifestName = "tree"

// putManifest stores entries as a manifest. What ReadManifest would refuse is
// refused here, while there is still a tree to capture.
func putManifest(ctx context.Context, sink kind.Sink, entries []record) (kind.Object, error) {
	r := &manifestReader{entries: entries}
	r.buf = append(r.buf, manifestHeading...)
	return content.PutList(ctx, sink, manifestName, r)
}

// manifestReader encodes entries as they are read, so that the manifest of a
// large tree is never in memory whole.
type manifestReader struct {
	encoder
	validator
	entries []record
	done    int // bytes of buf that were read
}

func (r *manifestReader) Read(p []byte) (int, error) {
	if r.done == len(r.buf) {
		r.buf, r.done = r.buf[:0], 0
		for len(r.buf) < len(p) && len(r.entries) > 0 {
			if err := r.check(&r.entries[0].Entry); err != nil {
				return 0, fmt.Errorf("write a manifest that could be read: %w", err)
			}
			r.entry(&r.entries[0].Entry)
			r.entries = r.entries[1:]
		}
		if len(r.buf) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, r.buf[r.done:])
	r.done += n
	return n, nil
}

// ReadManifest yields the entries of a stored manifest. It trusts nothing:
// paths that could lead out of a tree, entries out of order and entries
// without a directory to be in are errors.
func ReadManifest(ctx context.Context, source kind.Source, object kind.Object) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		d := decoder{r: bufio.NewReader(content.Open(ctx, source, object))}
		if err := readHeading(d.r); err != nil {
			yield(Entry{}, err)
			return
		}
		var v validator
		for d.more() {
			e, err := d.entry()
			if err == nil {
				err = v.check(&e)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		if d.err != nil {
			yield(Entry{}, d.err)
		}
	}
}

// Creation is what Apply does where there is nothing yet.
func Creation(ctx context.Context, source kind.Source, object kind.Object) (Changes, error) {
	var c Changes
	for e, err := range ReadManifest(ctx, source, object) {
		if err != nil {
			return Changes{}, fmt.Errorf("read manifest: %w", err)
		}
		c.Created++
		if e.Group == "" {
			c.Bytes += e.Size
			c.Chunks = append(c.Chunks, e.Chunks...)
		}
	}
	return c, nil
}

func readHeading(r io.Reader) error {
	heading := make([]byte, len(manifestHeading))
	if _, err := io.ReadFull(r, heading); err != nil {
		return fmt.Errorf("read heading of tree: %w", err)
	}
	if string(heading) != manifestHeading {
		return errors.New("not a tree, or one written by a newer version of dogear")
	}
	return nil
}

// validator checks entries as they come.
type validator struct {
	begun   bool
	last    string
	folders []string        // the directories that the last entry is in, and itself if it is one
	firsts  map[string]Type // entries that may be the first of a group
}

func (v *validator) check(e *Entry) error {
	if !v.begun {
		return v.first(e)
	}
	if err := checkPath(e.Path); err != nil {
		return err
	}
	if _, name := split(e.Path); e.Type != Folder && isTemporary(name) {
		return fmt.Errorf("%q is a temporary file of dogear", kind.Printable(e.Path))
	}
	if kind.CompareNames(v.last, e.Path) >= 0 {
		return fmt.Errorf("%q stands after %q in a tree", kind.Printable(e.Path), kind.Printable(v.last))
	}
	v.last = e.Path
	if err := v.place(e); err != nil {
		return err
	}
	return errors.Join(checkXattrs(e), checkExtents(e), checkRecipe(e), v.group(e))
}

func (v *validator) first(e *Entry) error {
	if e.Path != "" || e.Type != Folder {
		return errors.New("a tree that does not begin with its root")
	}
	if err := checkXattrs(e); err != nil {
		return err
	}
	v.begun = true
	v.folders = []string{""}
	v.firsts = make(map[string]Type)
	return nil
}

func (v *validator) place(e *Entry) error {
	dir, _ := split(e.Path)
	for len(v.folders) > 0 && v.folders[len(v.folders)-1] != dir {
		v.folders = v.folders[:len(v.folders)-1]
	}
	if len(v.folders) == 0 {
		return fmt.Errorf("%q stands in no directory of its tree", kind.Printable(e.Path))
	}
	if e.Type == Folder {
		v.folders = append(v.folders, e.Path)
	}
	return nil
}

func (v *validator) group(e *Entry) error {
	switch {
	case e.Type == Folder || e.Type == Boundary:
		if e.Group != "" {
			return fmt.Errorf("%q is a directory and a hard link", kind.Printable(e.Path))
		}
	case e.Group == "":
		v.firsts[e.Path] = e.Type
	case v.firsts[e.Group] != e.Type:
		return fmt.Errorf("%q is a hard link to nothing before it", kind.Printable(e.Path))
	}
	return nil
}

func checkPath(path string) error {
	if strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("%q is no path: it holds a NUL", kind.Printable(path))
	}
	for _, name := range strings.Split(path, "/") {
		if name == "" || name == "." || name == ".." {
			return fmt.Errorf("%q is no path within a tree", kind.Printable(path))
		}
	}
	return nil
}

func checkXattrs(e *Entry) error {
	for _, x := range e.Xattrs {
		if !isKept(x.Name) {
			return fmt.Errorf("%q has the attribute %q, which no tree keeps", kind.Printable(e.Path), kind.Printable(x.Name))
		}
	}
	return nil
}

// checkExtents makes sure that holes lie in order within the file.
func checkExtents(e *Entry) error {
	end := int64(0)
	for _, h := range e.Holes {
		if h.Offset < end || h.Length <= 0 || h.Length > e.Size-h.Offset {
			return fmt.Errorf("%q has impossible holes", kind.Printable(e.Path))
		}
		end = h.Offset + h.Length
	}
	return nil
}

// checkRecipe makes sure that the runs of a paged file cover it, lie within
// their chunks, and use each chunk.
func checkRecipe(e *Entry) error {
	if e.Recipe == nil {
		return nil
	}
	bad := fmt.Errorf("%q has an impossible recipe", kind.Printable(e.Path))
	if len(e.Recipe.Pages) != len(e.Chunks) || slices.Max(append(e.Recipe.Pages, 0)) > maxChunkPages {
		return bad
	}
	left, used := pagesOf(e.Size), make([]bool, len(e.Chunks))
	for _, run := range e.Recipe.Runs {
		if run.Pages <= 0 || run.Pages > left || run.Chunk < zeros || int(run.Chunk) >= len(e.Chunks) {
			return bad
		}
		left -= run.Pages
		if run.Chunk < 0 {
			continue
		}
		if all := e.Recipe.Pages[run.Chunk]; run.First < 0 || run.First > all || run.Pages > all-run.First {
			return bad
		}
		used[run.Chunk] = true
	}
	if left != 0 || slices.Contains(used, false) {
		return bad
	}
	return nil
}

// WriteManifest stores entries as a manifest that ReadManifest gives back.
func WriteManifest(ctx context.Context, sink kind.Sink, entries []Entry) (kind.Object, error) {
	records := make([]record, len(entries))
	for i := range entries {
		records[i].Entry = entries[i]
	}
	return putManifest(ctx, sink, records)
}
