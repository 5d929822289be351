package docker

import (
	"context"
	"path"
	"strings"

	"dogear/kind"
)

// TreeOf returns the item that holds a directory of the container, and where
// in it the directory is. It is zero for a directory outside the workspace.
func TreeOf(dir string, container kind.ID, c *Container, found []kind.Item) (kind.ID, string) {
	var mount Mount
	for _, m := range c.Mounts {
		if _, ok := below(dir, m.Destination); ok && len(m.Destination) >= len(mount.Destination) {
			mount = m
		}
	}
	inside, _ := below(dir, mount.Destination)
	switch {
	case mount.Destination == "":
		return container, strings.TrimPrefix(path.Clean(dir), "/")
	case mount.Type == "volume":
		return kind.ID{Kind: "volume", Name: mount.Name}, inside
	case mount.Type == "bind":
		return innermost(path.Join(mount.Source, inside), found)
	}
	return kind.ID{}, "" // a tmpfs: not captured
}

// innermost returns the item that owns a path of this host.
func innermost(hostPath string, found []kind.Item) (kind.ID, string) {
	var owner kind.Item
	for _, item := range found {
		if _, ok := below(hostPath, item.Root); item.Root != "" && ok && len(item.Root) > len(owner.Root) {
			owner = item
		}
	}
	if owner.Root == "" {
		return kind.ID{}, ""
	}
	inside, _ := below(hostPath, owner.Root)
	return owner.ID, inside
}

// below returns name relative to dir, if it is dir or lies in it.
func below(name, dir string) (string, bool) {
	name, dir = path.Clean(name), path.Clean(dir)
	if name == dir {
		return "", true
	}
	return strings.CutPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}

var _ kind.Placer = (*Connector)(nil)

// Place says how much room there is where the engine keeps its data, if that
// is on this host. All that drivers keep in an engine is there.
func (c *Connector) Place(ctx context.Context, _ *kind.Workspace, _ kind.Part) (kind.Place, error) {
	engine, err := c.Engine(ctx)
	if err != nil || !engine.Local() {
		return kind.Place{}, err
	}
	return kind.PlaceOf(engine.DataRoot())
}

// Literal escapes what a pattern would take for wildcards.
func Literal(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}
