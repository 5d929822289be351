package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func resumeCommand(a *app) *cobra.Command {
	var exact, remote bool
	var health healthFlags
	cmd := &cobra.Command{
		Use:   "resume [SNAPSHOT]",
		Short: "Bring back the last pause, and keep what was made in git meanwhile",
		Args:  arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := api.RestoreRequest{Snapshot: argument(args, 0), Exact: exact, YesRemote: remote}
			if err := health.apply(&req); err != nil {
				return err
			}
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				req.Workspace = s.workspace
				return resume(ctx, a, s, req, health.choice)
			})
		},
	}
	cmd.Flags().BoolVar(&exact, "exact", false, "keep nothing of what was made meanwhile")
	remoteFlag(cmd.Flags(), &remote)
	health.add(cmd.Flags())
	return cmd
}

func resume(ctx context.Context, a *app, s *session, req api.RestoreRequest, choice string) error {
	result, err := s.client.Resume(ctx, req)
	if err != nil {
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.Resumed(p, result) }); err != nil {
		return err
	}
	return conclude(ctx, a, s, choice, result)
}

// judge makes of a receipt that is not as it should be an exit code. What
// differs only since it runs may well be at work: the receipt names it, and
// the restore is done. A plan that cannot be carried out fails as that would.
func judge(r api.RestoreResult) error {
	switch {
	case r.Plan != nil && len(r.Plan.Conflicts) > 0:
		return &verdict{api.CodeFailed}
	case len(r.Unhealthy) > 0:
		return &verdict{api.CodeUnhealthy}
	case r.Receipt != nil && !r.Receipt.IdenticalAtRest():
		return &verdict{api.CodeDifferences}
	}
	return nil
}
