package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func showCommand(a *app) *cobra.Command {
	var exhibit string
	c := &cobra.Command{
		Use:   "show [SNAPSHOT]",
		Short: "Show one snapshot, or a log in it",
		Args:  arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				if exhibit != "" {
					return printExhibit(ctx, a, s, argument(args, 0), exhibit)
				}
				return show(ctx, a, s, argument(args, 0))
			})
		},
	}
	c.Flags().StringVar(&exhibit, "print", "", "print something that it holds, like container/web:log")
	return c
}

// printExhibit writes it as it is.
func printExhibit(ctx context.Context, a *app, s *session, ref, what string) error {
	result, err := s.client.Exhibit(ctx, api.ExhibitRequest{Workspace: s.workspace, Snapshot: ref, What: what})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(result)
	}
	_, err = a.stdout.Write(result.Content)
	return err
}

func show(ctx context.Context, a *app, s *session, ref string) error {
	result, err := s.client.Show(ctx, api.SnapshotRequest{Workspace: s.workspace, Snapshot: ref})
	if err != nil {
		return err
	}
	return a.print(result, string(result.ID), func(p *render.Page) { render.Show(p, result) })
}
