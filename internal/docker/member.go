package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"dogear/kind"
)

// The labels by which Compose marks what belongs to a project.
const (
	LabelProject    = "com.docker.compose.project"
	LabelWorkingDir = "com.docker.compose.project.working_dir"
	LabelService    = "com.docker.compose.service"
	LabelDependsOn  = "com.docker.compose.depends_on"
	LabelOneOff     = "com.docker.compose.oneoff"
	LabelConfigHash = "com.docker.compose.config-hash"
)

// LabelCourier marks our own containers and images: never part of a workspace.
const LabelCourier = "dogear.courier"

// Members returns the containers of a workspace, sorted by name: those of
// Compose projects whose working directory is the workspace's root or in it,
// and those that dogear.yaml names. The directory tells two checkouts with
// the same project name apart.
func (e *Engine) Members(ctx context.Context, ws *kind.Workspace) ([]*Container, error) {
	included, err := includedNames(ws)
	if err != nil {
		return nil, err
	}
	listed, err := e.api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var members []*Container
	for _, c := range listed {
		if !isMember(c, ws.Root, included) {
			continue
		}
		described, err := e.Container(ctx, c.ID)
		if errors.Is(err, kind.ErrGone) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at container %s: %w", c.ID, err)
		}
		members = append(members, described)
	}
	slices.SortFunc(members, func(a, b *Container) int { return strings.Compare(a.Name, b.Name) })
	return members, nil
}

// IsMember reports whether a container belongs to the workspace.
func (c *Container) IsMember(ws *kind.Workspace) (bool, error) {
	included, err := includedNames(ws)
	summary := container.Summary{Names: []string{"/" + c.Name}, Labels: c.Labels()}
	return err == nil && isMember(summary, ws.Root, included), err
}

func isMember(c container.Summary, root string, included []string) bool {
	if _, ours := c.Labels[LabelCourier]; ours {
		return false
	}
	if dir := c.Labels[LabelWorkingDir]; dir != "" && liesIn(dir, root) {
		return true
	}
	return slices.ContainsFunc(c.Names, func(name string) bool {
		return slices.Contains(included, strings.TrimPrefix(name, "/"))
	})
}

// liesIn reports whether dir is root or below it. Compose writes the path as
// the user gave it, so links are resolved first.
func liesIn(dir, root string) bool {
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	rel, err := filepath.Rel(root, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func includedNames(ws *kind.Workspace) ([]string, error) {
	raw := ws.Config["container"]
	if len(raw) == 0 {
		return nil, nil
	}
	var config struct {
		Include []string `json:"include"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return nil, fmt.Errorf("read section container of dogear.yaml: %w", err)
	}
	return config.Include, nil
}
