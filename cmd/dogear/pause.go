package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/cmd/dogear/render"
)

func pauseCommand(a *app) *cobra.Command {
	var flags captureFlags
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Capture the workspace, then clear the desk",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return pause(ctx, a, s, flags) })
		},
	}
	flags.bind(cmd)
	return cmd
}

func pause(ctx context.Context, a *app, s *session, flags captureFlags) error {
	result, err := s.client.Pause(ctx, flags.request(s))
	if err != nil {
		return err
	}
	return a.print(result, string(result.Snapshot.ID), func(p *render.Page) { render.Paused(p, result) })
}
