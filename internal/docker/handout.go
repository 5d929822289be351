package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// HandedOut is what an engine hands out of a writable layer of which nobody
// else can read the files.
type HandedOut struct {
	// Entries are sorted by path. What was mounted is not among them, and no
	// directory of the image: engines list one for what has changed in it.
	Entries []HandedEntry `json:"entries"`
	// Removed are the files of the image that the container has removed.
	Removed []string `json:"removed,omitempty"`
}

// HandedEntry is a file or directory that differs from the image.
type HandedEntry struct {
	Path     string `json:"path"` // without the first slash
	Describe string `json:"is"`
}

// HandOut asks an engine for all that differs in a container's layer from its
// image, and writes it to archive in the order of the paths. Its times are in
// seconds, it has no sockets and of all attributes only capabilities, and its
// holes are filled: that is how engines hand out files.
func (e *Engine) HandOut(ctx context.Context, c *Container, archive io.Writer) (HandedOut, error) {
	changes, err := e.api.ContainerDiff(ctx, c.ID)
	if err != nil {
		return HandedOut{}, gone(err)
	}
	slices.SortFunc(changes, func(a, b container.FilesystemChange) int { return strings.Compare(a.Path, b.Path) })
	h := handing{engine: e, container: c, to: tar.NewWriter(archive)}
	for _, change := range changes {
		switch {
		case h.isMounted(change.Path):
		case change.Kind == container.ChangeDelete:
			h.out.Removed = append(h.out.Removed, strings.TrimPrefix(change.Path, "/"))
		case h.within != "" && strings.HasPrefix(change.Path, h.within+"/"): // came with its directory
		default:
			if err := h.take(ctx, change); err != nil {
				return HandedOut{}, fmt.Errorf("read %s: %w", change.Path, err)
			}
		}
	}
	slices.SortFunc(h.out.Entries, func(a, b HandedEntry) int { return strings.Compare(a.Path, b.Path) })
	return h.out, h.to.Close()
}

// handing is at work on one container.
type handing struct {
	engine    *Engine
	container *Container
	to        *tar.Writer
	within    string // the last new directory: it comes with all that is in it
	out       HandedOut
}

// isMounted reports whether a path is where something else is mounted.
func (h *handing) isMounted(name string) bool {
	mounted := []string{"/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
	for _, m := range h.container.Mounts {
		mounted = append(mounted, m.Destination)
	}
	return slices.ContainsFunc(mounted, func(point string) bool { _, ok := below(name, point); return ok })
}

// take takes a file, a new directory with all that is in it, or of a directory
// of the image what it is itself.
func (h *handing) take(ctx context.Context, change container.FilesystemChange) error {
	stream, stat, err := h.engine.api.CopyFromContainer(ctx, h.container.ID, change.Path)
	if errdefs.IsNotFound(err) {
		return nil // it was, a moment ago; who wants to know for certain froze the container
	}
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // read only
	alone := stat.Mode.IsDir() && change.Kind == container.ChangeModify
	if stat.Mode.IsDir() && !alone {
		h.within = change.Path
	}
	dir := path.Dir(change.Path)
	entries := tar.NewReader(stream)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		header.Name = strings.TrimPrefix(path.Join(dir, header.Name), "/")
		if header.Typeflag == tar.TypeLink {
			header.Linkname = strings.TrimPrefix(path.Join(dir, header.Linkname), "/")
		}
		if h.isMounted("/" + header.Name) {
			continue
		}
		is, err := h.write(header, entries)
		if err != nil || alone {
			return err
		}
		h.out.Entries = append(h.out.Entries, HandedEntry{Path: strings.TrimSuffix(header.Name, "/"), Describe: is})
	}
}

// write writes an entry, and says what it is.
func (h *handing) write(header *tar.Header, content io.Reader) (string, error) {
	if header.Typeflag == tar.TypeDir {
		header.Name += "/"
	}
	if err := h.to.WriteHeader(header); err != nil {
		return "", err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(h.to, sum), content); err != nil {
		return "", err
	}
	is := fmt.Sprintf("%c %04o %d:%d %d", header.Typeflag, header.Mode&0o7777, header.Uid, header.Gid, header.ModTime.Unix())
	switch header.Typeflag {
	case tar.TypeReg:
		is += fmt.Sprintf(" %d bytes %s", header.Size, hex.EncodeToString(sum.Sum(nil)))
	case tar.TypeSymlink, tar.TypeLink:
		is += " -> " + header.Linkname
	case tar.TypeChar, tar.TypeBlock:
		is += fmt.Sprintf(" %d,%d", header.Devmajor, header.Devminor)
	}
	return is, nil
}

// PutBack has an engine write what it once handed out into a container that does
// not run. What else is there stays.
func (e *Engine) PutBack(ctx context.Context, c *Container, archive io.Reader) error {
	return gone(e.api.CopyToContainer(ctx, c.ID, "/", archive, container.CopyToContainerOptions{AllowOverwriteDirWithFile: true}))
}
