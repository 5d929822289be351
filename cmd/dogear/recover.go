package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func recoverCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "recover",
		Short: "Take back what was interrupted (every command does, when it starts)",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return recoverWorkspace(ctx, a, s) })
		},
	}
}

func recoverWorkspace(ctx context.Context, a *app, s *session) error {
	result, err := s.client.Recover(ctx, api.WorkspaceRequest{Workspace: s.workspace})
	if err != nil {
		return err
	}
	return a.print(result, "", func(p *render.Page) { render.Recovered(p, result) })
}
