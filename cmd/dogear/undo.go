package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func undoCommand(a *app) *cobra.Command {
	var remote bool
	cmd := &cobra.Command{
		Use:   "undo",
		Short: "Take back the last pause, resume or restore; again, to take that back",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return undo(ctx, a, s, remote) })
		},
	}
	remoteFlag(cmd.Flags(), &remote)
	return cmd
}

func undo(ctx context.Context, a *app, s *session, remote bool) error {
	result, err := s.client.Undo(ctx, api.UndoRequest{Workspace: s.workspace, YesRemote: remote})
	if err != nil {
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.Undone(p, result) }); err != nil {
		return err
	}
	return judge(result)
}
