package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func showCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [SNAPSHOT]",
		Short: "Show one snapshot",
		Args:  arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return show(ctx, a, s, argument(args, 0)) })
		},
	}
}

func show(ctx context.Context, a *app, s *session, ref string) error {
	result, err := s.client.Show(ctx, api.SnapshotRequest{Workspace: s.workspace, Snapshot: ref})
	if err != nil {
		return err
	}
	return a.print(result, string(result.ID), func(p *render.Page) { render.Show(p, result) })
}
