package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// Image is an image as the engine describes it.
type Image struct {
	ID       string
	Tags     []string
	Platform string // linux/amd64
}

// Image describes an image given by reference or id. It returns kind.ErrGone
// if there is none.
func (e *Engine) Image(ctx context.Context, ref string) (*Image, error) {
	i, err := e.api.ImageInspect(ctx, ref)
	if err != nil {
		return nil, gone(err)
	}
	return &Image{ID: i.ID, Tags: i.RepoTags, Platform: i.Os + "/" + i.Architecture}, nil
}

// ImageName returns the name under which an image is known to a workspace:
// the reference that a container was created from, or the image's id if that
// reference means another image by now.
func (i *Image) Name(reference string) string {
	if reference = withTag(reference); slices.Contains(i.Tags, reference) {
		return reference
	}
	return i.ID
}

// withTag writes out the tag that a reference without one stands for.
func withTag(reference string) string {
	last := reference[strings.LastIndexByte(reference, '/')+1:]
	if strings.ContainsAny(last, ":@") {
		return reference
	}
	return reference + ":latest"
}

// SaveImage returns an image as a tar archive, by id so that it names no tags.
func (e *Engine) SaveImage(ctx context.Context, id string) (io.ReadCloser, error) {
	return e.api.ImageSave(ctx, []string{id})
}

// LoadImage loads an image from a tar archive.
func (e *Engine) LoadImage(ctx context.Context, archive io.Reader) error {
	response, err := e.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	return errors.Join(drain(response.Body), response.Body.Close())
}

// TagImage makes a reference mean an image.
func (e *Engine) TagImage(ctx context.Context, id, reference string) error {
	return e.api.ImageTag(ctx, id, reference)
}

// removeImage removes an image unless something uses it.
func (e *Engine) removeImage(ctx context.Context, reference string) error {
	_, err := e.api.ImageRemove(ctx, reference, image.RemoveOptions{})
	return gone(err)
}

// drain reads a stream of progress messages, in which the engine also reports
// errors.
func drain(stream io.Reader) error {
	decoder := json.NewDecoder(stream)
	for {
		var line struct{ Error string }
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the engine's answer: %w", err)
		}
		if line.Error != "" {
			return errors.New(line.Error)
		}
	}
}
