package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func statusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what has changed since the last snapshot",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return status(ctx, a, s) })
		},
	}
}

func status(ctx context.Context, a *app, s *session) error {
	result, err := s.client.Compare(ctx, api.CompareRequest{Workspace: s.workspace})
	if err != nil {
		return err
	}
	return a.print(result, "", func(p *render.Page) { render.Status(p, result) })
}
