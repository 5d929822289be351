package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func restoreCommand(a *app) *cobra.Command {
	var req api.RestoreRequest
	var health healthFlags
	cmd := &cobra.Command{
		Use:   "restore SNAPSHOT",
		Short: "Make the workspace exactly what a snapshot says",
		Args:  arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(absolutePlace(&req), health.apply(&req)); err != nil {
				return err
			}
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				req.Workspace, req.Snapshot = s.workspace, args[0]
				return restore(ctx, a, s, req, health.choice)
			})
		},
	}
	cmd.Flags().StringSliceVar(&req.Only, "only", nil, "restore only these: git/*, volume/shop_pgdata and what it needs; a database alone, or a table of it: postgres/db/shop:public.orders; a file of a tree: files/.:config/app.yaml")
	cmd.Flags().StringSliceVar(&req.Except, "except", nil, "leave these items alone")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be done, and touch nothing")
	remoteFlag(cmd.Flags(), &req.YesRemote)
	health.add(cmd.Flags())
	cmd.Flags().StringVar(&req.To, "to", "", "restore a copy of repositories and files in this directory, and touch nothing else")
	return cmd
}

// remoteFlag is for commands that may change what is on another machine.
func remoteFlag(flags *pflag.FlagSet, yes *bool) {
	flags.BoolVar(yes, "yes-remote", false, "also change databases on other machines")
}

// absolutePlace makes the directory for a copy absolute: the agent may work in
// another one.
func absolutePlace(req *api.RestoreRequest) (err error) {
	switch {
	case req.To == "":
		return nil
	case req.DryRun:
		return usage("leave one of them out", "--to and --dry-run cannot be used together")
	}
	req.To, err = filepath.Abs(req.To)
	return err
}

func restore(ctx context.Context, a *app, s *session, req api.RestoreRequest, choice string) error {
	result, err := s.client.Restore(ctx, req)
	if err != nil {
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.Restored(p, result) }); err != nil {
		return err
	}
	return conclude(ctx, a, s, choice, result)
}
