package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"dogear/internal/docker"
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

// Find looks at every file of the trees that the other drivers found, in the
// workspace and in volumes, by content: databases bear any name. Files in .git
// belong to git.
func (d *Driver) Find(ctx context.Context, ws *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	items, err := inWorkspace(ctx, ws, found)
	if err != nil {
		return nil, err
	}
	for _, volume := range found {
		if volume.ID.Kind != volumeKind || len(volume.Needs) > 0 {
			continue // what lies in the workspace is found there
		}
		more, err := d.inVolume(ctx, ws, volume.ID, found)
		if err != nil {
			return nil, fmt.Errorf("look for databases in %s: %w", volume.ID, err)
		}
		items = append(items, more...)
	}
	slices.SortStableFunc(items, func(a, b kind.Item) int { return a.ID.Compare(b.ID) })
	// A directory of the workspace may be called as volumes are here. What is
	// in the volume is then compared byte by byte.
	return slices.CompactFunc(items, func(a, b kind.Item) bool { return a.ID == b.ID }), nil
}

func inWorkspace(ctx context.Context, ws *kind.Workspace, found []kind.Item) ([]kind.Item, error) {
	trees := treesIn(ws.Root, found)
	if len(trees) == 0 {
		return nil, nil
	}
	files, err := tree.SearchSurvey(ctx, ws, searchFor(ws, "."))
	if err != nil {
		return nil, err
	}
	var items []kind.Item
	for _, f := range files {
		path := filepath.Join(ws.Root, f.Path)
		at := slices.IndexFunc(trees, func(tree kind.Item) bool { return strings.HasPrefix(path, tree.Root+"/") })
		if at >= 0 {
			items = append(items, newItem(f.Path, trees[at].ID, strings.TrimPrefix(path, trees[at].Root+"/"), f.Size))
		}
	}
	return items, nil
}

// searchFor says what is looked for in a tree, of which is remembered what was
// seen.
func searchFor(ws *kind.Workspace, in string) tree.Search {
	return tree.Search{Begins: []byte(magic), Least: minimumSize, Seen: tree.SeenIndex(ws.Cache, kind.ID{Kind: Kind, Name: in})}
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

// inVolume looks into a volume for what nobody else speaks for.
func (d *Driver) inVolume(ctx context.Context, ws *kind.Workspace, id kind.ID, found []kind.Item) ([]kind.Item, error) {
	engine, err := d.engines.Engine(ctx)
	if err != nil {
		return nil, err
	}
	v, err := engine.Volume(ctx, id.Name)
	if errors.Is(err, kind.ErrGone) || err == nil && v.InMemory() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files, err := engine.VolumeTree(ctx, v)
	if err != nil {
		return nil, err
	}
	search := searchFor(ws, id.String())
	search.Skip = docker.VolumeVolatile(ws)
	for _, item := range found {
		for _, claim := range item.Claims {
			if claim.On == id {
				search.Skip = append(search.Skip, claim.Paths...)
			}
		}
	}
	sightings, err := files.Search(ctx, search)
	if err != nil {
		return nil, err
	}
	var items []kind.Item
	for _, f := range sightings {
		items = append(items, newItem(id.String()+"/"+f.Path, id, f.Path, f.Size))
	}
	return items, nil
}

// newItem is a database that lies in a tree. name is its path there.
func newItem(path string, in kind.ID, name string, size int64) kind.Item {
	item := kind.Item{ID: kind.ID{Kind: Kind, Name: path}, Needs: []kind.ID{in}}
	if size <= maxRead {
		item.Claims = []kind.Claim{{On: in, Paths: siblings(name)}}
	}
	return item
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
