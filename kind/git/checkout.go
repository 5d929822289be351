package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// What a clearing works on in the git directory, while it holds the locks of
// index and HEAD: git would lock them too, and leave its locks if it is killed.
const (
	workIndex = "dogear-index"
	workHead  = "dogear-head"
)

// checkOut makes index and files those of a commit, and moves HEAD.
func (c *clearing) checkOut(ctx context.Context, to destination) error {
	ident := c.ident(ctx)
	return inRoot(c.root, func(root *os.Root) error {
		if err := c.copyIndex(root); err != nil {
			return fmt.Errorf("copy the index: %w", err)
		}
		git := c.git.with(filepath.Join(c.root, c.gitDir, workIndex))
		if _, err := git.run(ctx, "read-tree", "--reset", "-u", to.id); err != nil {
			return fmt.Errorf("check out %s: %w", to, err)
		}
		if err := root.Rename(path.Join(c.gitDir, workIndex), path.Join(c.gitDir, "index")); err != nil {
			return err
		}
		if err := c.moveHead(ctx, root, to, ident); err != nil {
			return fmt.Errorf("move HEAD: %w", err)
		}
		return nil
	})
}

// copyIndex copies the index, if there is one.
func (c *clearing) copyIndex(root *os.Root) error {
	index := path.Join(c.gitDir, "index")
	content, err := readFile(root, index)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return writeLike(root, index, path.Join(c.gitDir, workIndex), content)
}

// moveHead writes HEAD as git does, and what its log says of it.
func (c *clearing) moveHead(ctx context.Context, root *os.Root, to destination, ident string) error {
	head, work := path.Join(c.gitDir, "HEAD"), path.Join(c.gitDir, workHead)
	content := to.id + "\n"
	if to.branch != "" {
		content = "ref: " + to.branch + "\n"
	}
	was, err := c.git.commit(ctx, "HEAD")
	if err != nil {
		was = strings.Repeat("0", len(to.id)) // no commit yet
	}
	if err := writeLike(root, head, work, []byte(content)); err != nil {
		return err
	}
	if err := root.Rename(work, head); err != nil {
		return err
	}
	if ident == "" {
		return nil
	}
	return appendTo(root, path.Join(c.gitDir, "logs", "HEAD"), fmt.Sprintf("%s %s %s\tdogear: clear the desk\n", was, to.id, ident))
}

// ident is who a log says did something, or "" if git does not know.
func (c *clearing) ident(ctx context.Context) string {
	out, err := c.git.run(ctx, "var", "GIT_COMMITTER_IDENT")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// appendTo adds to a file that is there.
func appendTo(root *os.Root, name, text string) (err error) {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(text)
	return err
}

// writeLike writes a new file with the mode and the owner of another.
func writeLike(root *os.Root, like, name string, content []byte) (err error) {
	info, err := root.Lstat(like)
	if err != nil {
		return err
	}
	if err := ignoreMissing(root.Remove(name)); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}
