package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func diffCommand(a *app) *cobra.Command {
	var stat bool
	cmd := &cobra.Command{
		Use:   "diff [A [B]]",
		Short: "Show what changed from snapshot A (the last one) to B (now)",
		Args:  arguments(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				req := api.DiffRequest{Workspace: s.workspace, A: argument(args, 0), B: argument(args, 1)}
				return diff(ctx, a, s, req, stat)
			})
		},
	}
	cmd.Flags().BoolVar(&stat, "stat", false, "only count the changes of each part")
	return cmd
}

func diff(ctx context.Context, a *app, s *session, req api.DiffRequest, stat bool) error {
	result, err := s.client.Diff(ctx, req)
	if err != nil {
		return err
	}
	return a.print(result, "", func(p *render.Page) {
		if stat {
			render.DiffStat(p, result)
			return
		}
		render.Diff(p, result)
	})
}
