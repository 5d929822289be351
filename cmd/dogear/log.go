package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func logCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "log",
		Short: "Show what was done to the workspace, newest first",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return log(ctx, a, s) })
		},
	}
}

func log(ctx context.Context, a *app, s *session) error {
	result, err := s.client.Log(ctx, api.WorkspaceRequest{Workspace: s.workspace})
	if err != nil {
		return err
	}
	return a.print(result, "", func(p *render.Page) { render.Log(p, result) })
}
