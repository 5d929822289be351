package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func rehearseCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rehearse SNAPSHOT",
		Short: "Restore a copy where it can reach nothing, prove it, and remove it again",
		Args:  arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return rehearse(ctx, a, s, args[0]) })
		},
	}
}

func rehearse(ctx context.Context, a *app, s *session, snapshot string) error {
	result, err := s.client.Rehearse(ctx, api.RehearseRequest{Workspace: s.workspace, Snapshot: snapshot})
	if err != nil {
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.Rehearsed(p, result) }); err != nil {
		return err
	}
	switch {
	case len(result.Unhealthy) > 0:
		return &verdict{api.CodeUnhealthy}
	case !result.IdenticalAtRest():
		return &verdict{api.CodeDifferences}
	}
	return nil
}
