package container

import (
	"path/filepath"
	"strings"

	"dogear/internal/docker"
	"dogear/kind"
)

// bindNeeds lists the items whose directories are mounted into a container,
// whole or in part: they must be back before it starts, and it must not run
// while they change under it.
func bindNeeds(c *docker.Container, found []kind.Item) []kind.ID {
	var needs []kind.ID
	for _, m := range c.Mounts {
		if m.Type != "bind" {
			continue
		}
		if owner, ok := ownerOf(m.Source, found); ok {
			needs = append(needs, owner)
		}
	}
	return needs
}

// ownerOf returns the item with the innermost root around a path.
func ownerOf(path string, found []kind.Item) (kind.ID, bool) {
	var owner kind.Item
	for _, it := range found {
		if it.Root != "" && isWithin(path, it.Root) && len(it.Root) > len(owner.Root) {
			owner = it
		}
	}
	return owner.ID, owner.Root != ""
}

func isWithin(path, root string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
