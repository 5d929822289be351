package main

import (
	"context"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func removeCommand(a *app) *cobra.Command {
	var req api.RemoveRequest
	cmd := &cobra.Command{
		Use:   "rm SNAPSHOT...",
		Short: "Delete snapshots for good",
		Long: `Deletes all the snapshots that are named, or none. What only they needed stays
on disk until dogear prune.

Refused is what is pinned, what a restore that was interrupted needs, what a
command is reading, and what dogear undo or dogear resume would go back to; the
last two can be given up with --force.`,
		Args: arguments(1, math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				req.Workspace, req.Snapshots = s.workspace, args
				return remove(ctx, a, s, req)
			})
		},
	}
	cmd.Flags().BoolVar(&req.Force, "force", false, "also what undo or resume would go back to")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be deleted, and delete nothing")
	return cmd
}

func remove(ctx context.Context, a *app, s *session, req api.RemoveRequest) error {
	result, err := s.client.Remove(ctx, req)
	if err != nil {
		return err
	}
	ids := make([]string, 0, len(result.Removed))
	for _, snap := range result.Removed {
		ids = append(ids, string(snap.ID))
	}
	return a.print(result, strings.Join(ids, "\n"), func(p *render.Page) { render.Removed(p, result) })
}
