package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func undoCommand(a *app) *cobra.Command {
	var req api.UndoRequest
	cmd := &cobra.Command{
		Use:   "undo",
		Short: "Take back the last pause, resume or restore; again, to take that back",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				req.Workspace = s.workspace
				return undo(ctx, a, s, req)
			})
		},
	}
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be done, and touch nothing")
	remoteFlag(cmd.Flags(), &req.YesRemote)
	return cmd
}

func undo(ctx context.Context, a *app, s *session, req api.UndoRequest) error {
	result, err := s.client.Undo(ctx, req)
	if err != nil {
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.Undone(p, result) }); err != nil {
		return err
	}
	return judge(result)
}
