package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"dogear/internal/tree"
	"dogear/kind"
)

// magic begins every SQLite database that holds anything. The smallest page
// has 512 bytes.
const (
	magic       = "SQLite format 3\x00"
	minimumSize = 512
)

// maxRead is how large a database may be that is copied and read whenever it
// has changed. Of a larger one no path is claimed: it is compared byte by byte.
// That does not depend on options: what is compared must be the same each time.
const maxRead = 400 << 20

// Find looks at every file of the trees that the other drivers found, by
// content: databases bear any name. Files in .git belong to git.
func (d *Driver) Find(ctx context.Context, ws *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	trees := treesIn(ws.Root, found)
	if len(trees) == 0 {
		return nil, nil
	}
	s := search{root: ws.Root, seen: loadSeen(ws.Cache), now: time.Now()}
	if err := s.look(ctx, ws); err != nil {
		return nil, err
	}
	if err := s.seen.save(ws.Cache); err != nil {
		return nil, err
	}
	items := make([]kind.Item, 0, len(s.databases))
	for _, found := range s.databases {
		if item, ok := newItem(ws.Root, found.path, trees); ok {
			if found.size > maxRead {
				item.Claims = nil
			}
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) })
	return items, nil
}

// treesIn returns the items that own a tree in the workspace, inner ones
// first.
func treesIn(root string, found []kind.Item) []kind.Item {
	var trees []kind.Item
	for _, item := range found {
		if item.Root == root || strings.HasPrefix(item.Root, root+"/") {
			trees = append(trees, item)
		}
	}
	slices.SortStableFunc(trees, func(a, b kind.Item) int { return len(b.Root) - len(a.Root) })
	return trees
}

func newItem(root, path string, trees []kind.Item) (kind.Item, bool) {
	at := slices.IndexFunc(trees, func(tree kind.Item) bool { return strings.HasPrefix(path, tree.Root+"/") })
	if at < 0 {
		return kind.Item{}, false
	}
	tree := trees[at]
	name := strings.TrimPrefix(path, tree.Root+"/")
	return kind.Item{
		ID:     kind.ID{Kind: Kind, Name: strings.TrimPrefix(path, root+"/")},
		Needs:  []kind.ID{tree.ID},
		Claims: []kind.Claim{{On: tree.ID, Paths: siblings(name)}},
	}, true
}

// siblings are the files of one database.
func siblings(name string) []kind.Pattern {
	name = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
	var all []kind.Pattern
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", "-mj*"} {
		all = append(all, kind.Pattern(name+suffix))
	}
	return all
}

// search is one look at the files of a workspace.
type search struct {
	root      string
	seen      *seen
	now       time.Time
	databases []database
}

// database is a file that is one.
type database struct {
	path string
	size int64
}

// look looks at every regular file of the workspace.
func (s *search) look(ctx context.Context, ws *kind.Workspace) error {
	sightings, err := tree.Survey(ctx, ws)
	if err != nil {
		return err
	}
	for i := range sightings {
		f := &sightings[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.Type == tree.Regular && f.Size >= minimumSize && s.isDatabase(f) {
			s.databases = append(s.databases, database{path: filepath.Join(s.root, f.Path), size: f.Size})
		}
	}
	return nil
}

func (s *search) isDatabase(f *tree.Sighting) bool {
	key := keyOf(f)
	if database, ok := s.seen.look(key); ok {
		return database
	}
	database, err := hasMagic(filepath.Join(s.root, f.Path))
	if err == nil && settled(f, s.now) {
		s.seen.remember(key, database)
	}
	return database
}

// settled reports whether a change that is made from now on will show in the
// file's times, whatever the resolution of its file system's clock.
func settled(f *tree.Sighting, now time.Time) bool {
	return now.Sub(time.Unix(f.Ctime.Unix())) > 2*time.Second
}

func hasMagic(path string) (_ bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil {
		return false, err
	}
	return bytes.Equal(head, []byte(magic)), nil
}
