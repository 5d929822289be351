package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/config"
	"dogear/cmd/dogear/render"
)

//go:embed dogear.yaml
var template []byte

func initCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Show what was found and write a dogear.yaml (never required)",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return initialize(ctx, a, s) })
		},
	}
}

// initResult is the result of init.
type initResult struct {
	api.FindResult
	Config string `json:"config"` // the file that was written
}

func initialize(ctx context.Context, a *app, s *session) error {
	found, err := s.client.Find(ctx, api.WorkspaceRequest{Workspace: s.workspace})
	if err != nil {
		return err
	}
	path := filepath.Join(found.Workspace.Root, config.FileName)
	if err := writeNew(path, template); err != nil {
		return err
	}
	return a.print(initResult{FindResult: found, Config: path}, path, func(p *render.Page) { render.Initialized(p, found, path) })
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &api.Error{
			Code: api.CodeFailed, Message: path + " is there already",
			State: "nothing has changed", Hint: "edit it; no key in it is required",
		}
	}
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
