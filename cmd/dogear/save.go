package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/cmd/dogear/render"
)

func saveCommand(a *app) *cobra.Command {
	var flags captureFlags
	cmd := &cobra.Command{
		Use:   "save",
		Short: "Capture the workspace and keep working",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return save(ctx, a, s, flags) })
		},
	}
	flags.bind(cmd)
	return cmd
}

func save(ctx context.Context, a *app, s *session, flags captureFlags) error {
	result, err := s.client.Save(ctx, flags.request(s))
	if err != nil {
		return err
	}
	return a.print(result, string(result.Snapshot.ID), func(p *render.Page) { render.Saved(p, result) })
}
