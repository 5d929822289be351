package container

import (
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
		if owner, ok := docker.OwnerOf(m.Source, found); ok {
			needs = append(needs, owner)
		}
	}
	return needs
}
