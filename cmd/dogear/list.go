package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func listCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the snapshots of the workspace, newest first",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return list(ctx, a, s) })
		},
	}
}

func list(ctx context.Context, a *app, s *session) error {
	result, err := s.client.List(ctx, api.WorkspaceRequest{Workspace: s.workspace})
	if err != nil {
		return err
	}
	ids := make([]string, 0, len(result))
	for _, snap := range result {
		ids = append(ids, string(snap.ID))
	}
	return a.print(result, strings.Join(ids, "\n"), func(p *render.Page) { render.List(p, result) })
}
