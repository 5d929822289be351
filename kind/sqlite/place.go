package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// stagedPrefix begins the name of a database that waits beside the live one.
const stagedPrefix = ".dogear-sqlite-"

// place makes a complete copy the database of an item. A killed place is done
// again by the next: at any time there is the old file or the new one under
// the name, and the safety snapshot has the old one whole.
func place(ctx context.Context, ws *kind.Workspace, id kind.ID, c *copied, as owner) (err error) {
	root, err := os.OpenRoot(ws.Root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	p := placing{root: root, name: id.Name, staged: stagedName(id)}
	if err := p.stage(ctx, c, as); err != nil {
		return errors.Join(fmt.Errorf("write it beside: %w", err), p.unstage())
	}
	// A log or journal of another state would be read as part of the new one.
	if err := p.removeSiblings(); err != nil {
		return errors.Join(fmt.Errorf("remove its old log: %w", err), p.unstage())
	}
	if err := p.root.Rename(p.staged, p.name); err != nil {
		return errors.Join(err, p.unstage())
	}
	return p.sync()
}

func stagedName(id kind.ID) string {
	return path.Join(path.Dir(id.Name), stagedPrefix+kind.Sum([]byte(path.Base(id.Name))).String()[:16])
}

// sweepStaged removes what a killed restore has left beside a database.
func sweepStaged(ws *kind.Workspace, id kind.ID) error {
	root, err := os.OpenRoot(ws.Root)
	if err != nil {
		return err
	}
	p := placing{root: root, staged: stagedName(id)}
	return errors.Join(p.unstage(), root.Close())
}

// placing puts one file in place. Its names are relative to the workspace,
// which no link leads out of.
type placing struct {
	root   *os.Root
	name   string
	staged string
}

// stage writes the copy beside, with the attributes of the live file, or of
// the captured one.
func (p placing) stage(ctx context.Context, c *copied, as owner) error {
	if err := p.unstage(); err != nil {
		return err
	}
	in, err := c.whole()
	if err != nil {
		return err
	}
	out, err := p.root.OpenFile(p.staged, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return closeAfter(in, err)
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, ctx.Err(), p.dress(out, as), out.Sync(), out.Close())
	return closeAfter(in, err)
}

// dress gives a file the owner, the mode and the extended attributes that it
// is to have.
func (p placing) dress(f *os.File, as owner) error {
	live, err := p.root.Open(p.name)
	if err == nil {
		info, statErr := live.Stat()
		if statErr != nil {
			return closeAfter(live, statErr)
		}
		as = ownerOf(info)
		if err := closeAfter(live, copyXattrs(live, f)); err != nil {
			return err
		}
	}
	if err := f.Chown(as.UID, as.GID); err != nil && (os.Geteuid() == 0 || as.UID != os.Geteuid()) {
		return fmt.Errorf("give it to user %d and group %d: %w", as.UID, as.GID, err)
	}
	return f.Chmod(as.Mode)
}

// copyXattrs copies extended attributes, access control lists among them.
func copyXattrs(from, to *os.File) error {
	list := make([]byte, 64<<10)
	n, err := unix.Flistxattr(int(from.Fd()), list)
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list its attributes: %w", err)
	}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(string(list[:n]), "\x00") {
		if name == "" || strings.HasPrefix(name, "security.") {
			continue
		}
		size, err := unix.Fgetxattr(int(from.Fd()), name, value)
		if err == nil {
			err = unix.Fsetxattr(int(to.Fd()), name, value[:size], 0)
		}
		if err != nil {
			return fmt.Errorf("copy its attribute %s: %w", name, err)
		}
	}
	return nil
}

// removeSiblings removes what lies beside the database and belongs to it.
func (p placing) removeSiblings() error {
	dir, err := p.root.Open(path.Dir(p.name))
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err := closeAfter(dir, err); err != nil {
		return err
	}
	for _, n := range names {
		sibling := path.Join(path.Dir(p.name), n)
		if sibling == p.name || !kind.MatchAny(siblings(p.name), sibling) {
			continue
		}
		if err := p.root.Remove(sibling); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return p.sync()
}

func (p placing) unstage() error {
	if err := p.root.Remove(p.staged); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sync makes the names in the directory durable.
func (p placing) sync() error {
	dir, err := p.root.Open(filepath.Dir(p.name))
	if err != nil {
		return err
	}
	return closeAfter(dir, dir.Sync())
}
