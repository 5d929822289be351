package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func verifyCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify [SNAPSHOT]",
		Short: "Compare the workspace with a snapshot; exit code 3 if it differs",
		Args:  arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				return verify(ctx, a, s, argument(args, 0))
			})
		},
	}
}

func verify(ctx context.Context, a *app, s *session, ref string) error {
	result, err := s.client.Compare(ctx, api.CompareRequest{Workspace: s.workspace, Snapshot: ref})
	if err != nil {
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.Verified(p, result) }); err != nil {
		return err
	}
	if !result.Identical {
		return &verdict{api.CodeDifferences}
	}
	return nil
}
