package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	pageSize = 8192 // of Postgres
	share    = 100  // one in so many is changed
)

// changed is how much was changed.
type changed struct {
	files, pages int
	plain        int64
	compressed   int64 // all of it in one stream, by zstd -1
}

// A changer rewrites a share of a tree, the same for the same seed. What it
// writes is made of what was there, so that it compresses as well.
type changer struct {
	random *rand.Rand
	zstd   io.WriteCloser
	done   changed
}

// change rewrites one in a hundred files outside the Postgres data directory,
// and one in a hundred pages of its tables.
func change(root string, seed uint64) (changed, error) {
	return withChanger(seed, func(c *changer) error {
		var files, tables []string
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || !d.Type().IsRegular() || strings.Contains(path, "/.git/"):
			case !strings.Contains(path, "/pgdata/"):
				files = append(files, path)
			case strings.Contains(path, "/base/"):
				tables = append(tables, path)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, path := range files {
			if c.random.IntN(share) == 0 {
				if err := c.rewrite(path); err != nil {
					return err
				}
			}
		}
		for _, path := range tables {
			if err := c.rewritePages(path); err != nil {
				return err
			}
		}
		return nil
	})
}

// changePages rewrites one in a hundred pages of one file.
func changePages(path string, seed uint64) (changed, error) {
	return withChanger(seed, func(c *changer) error { return c.rewritePages(path) })
}

func withChanger(seed uint64, f func(*changer) error) (changed, error) {
	compressor := exec.Command("bash", "-c", "zstd -q -1 -c | wc -c")
	var size bytes.Buffer
	compressor.Stdout = &size
	in, err := compressor.StdinPipe()
	if err != nil {
		return changed{}, err
	}
	if err := compressor.Start(); err != nil {
		return changed{}, err
	}
	c := &changer{random: rand.New(rand.NewPCG(seed, 1)), zstd: in}
	failed := f(c)
	if err := in.Close(); err != nil {
		return changed{}, err
	}
	if err := compressor.Wait(); err != nil {
		return changed{}, fmt.Errorf("compress what was changed: %w", err)
	}
	_, err = fmt.Sscan(size.String(), &c.done.compressed)
	if failed != nil {
		err = failed
	}
	return c.done, err
}

func (c *changer) rewrite(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c.done.files++
	fresh := c.shuffle(old, 200)
	if err := c.count(fresh); err != nil {
		return err
	}
	return os.WriteFile(path, fresh, 0)
}

// rewritePages writes through the file that is there, as servers do.
func (c *changer) rewritePages(path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	page := make([]byte, pageSize)
	for offset := int64(0); offset+pageSize <= info.Size(); offset += pageSize {
		if c.random.IntN(share) != 0 {
			continue
		}
		if _, err := f.ReadAt(page, offset); err != nil {
			return err
		}
		fresh := c.shuffle(page, 64)[:pageSize]
		if _, err := f.WriteAt(fresh, offset); err != nil {
			return err
		}
		c.done.pages++
		if err := c.count(fresh); err != nil {
			return err
		}
	}
	return nil
}

// shuffle cuts content into pieces, a few of them new, and puts them together
// in another order.
func (c *changer) shuffle(content []byte, size int) []byte {
	pieces := [][]byte{fmt.Appendf(nil, "%016x%016x", c.random.Uint64(), c.random.Uint64())}
	for len(content) > 0 {
		n := min(size, len(content))
		pieces = append(pieces, content[:n])
		content = content[n:]
	}
	c.random.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
	return bytes.Join(pieces, nil)
}

func (c *changer) count(fresh []byte) error {
	c.done.plain += int64(len(fresh))
	_, err := c.zstd.Write(fresh)
	return err
}
