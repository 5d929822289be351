package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/cmd/dogear/render"
)

func pauseCommand(a *app) *cobra.Command {
	var flags captureFlags
	var checkout []string
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Capture the workspace, then clear the desk",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return pause(ctx, a, s, flags, checkout) })
		},
	}
	flags.bind(cmd)
	cmd.Flags().StringArrayVar(&checkout, "checkout", nil,
		"then leave the repositories clean at this branch, tag or commit (where it exists; REPOSITORY=REF for one)")
	return cmd
}

func pause(ctx context.Context, a *app, s *session, flags captureFlags, checkout []string) error {
	req := flags.request(s)
	req.Checkout = checkout
	result, err := s.client.Pause(ctx, req)
	if err != nil {
		return err
	}
	return a.print(result, string(result.Snapshot.ID), func(p *render.Page) { render.Paused(p, result) })
}
