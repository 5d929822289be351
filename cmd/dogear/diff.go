package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func diffCommand(a *app) *cobra.Command {
	var stat bool
	req := api.DiffRequest{Explain: true}
	cmd := &cobra.Command{
		Use:   "diff [A [B]]",
		Short: "Show what changed from snapshot A (the last one) to B (now)",
		Args:  arguments(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.Values && !req.Details {
				return usage("add --details", "--show-values shows the values of --details")
			}
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				req.Workspace, req.A, req.B = s.workspace, argument(args, 0), argument(args, 1)
				return diff(ctx, a, s, req, stat)
			})
		},
	}
	cmd.Flags().BoolVar(&stat, "stat", false, "only count the changes of each part, table by table in databases")
	cmd.Flags().BoolVar(&req.Details, "details", false, "show each row of a database that differs, by its key")
	cmd.Flags().BoolVar(&req.Values, "show-values", false, "with --details: show values, which may be secret")
	cmd.MarkFlagsMutuallyExclusive("stat", "details")
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
