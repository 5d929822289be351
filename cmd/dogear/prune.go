package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func pruneCommand(a *app) *cobra.Command {
	var all, dry bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete what the retention does not keep, and free the space",
		Long: `Deletes those snapshots of the workspace that retention: in its configuration
does not keep, and then what no snapshot of any workspace needs. Without that
section nothing goes but safety snapshots older than 14 days.

What is named, pinned or for a ticket stays, whatever the section says; so does
what dogear undo or dogear resume would go back to.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				req, err := a.pruneRequest(ctx, cmd, s, all)
				if err != nil {
					return err
				}
				req.DryRun = dry
				return prune(ctx, a, s, req)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "of all workspaces in the store, each by its own configuration")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would go and what stays, and delete nothing")
	return cmd
}

func (a *app) pruneRequest(ctx context.Context, cmd *cobra.Command, s *session, all bool) (api.PruneRequest, error) {
	if !all {
		return api.PruneRequest{Workspaces: []api.PruneWorkspace{{Workspace: s.workspace, Retention: s.config.Retention}}}, nil
	}
	workspaces, err := s.client.Workspaces(ctx)
	if err != nil {
		return api.PruneRequest{}, err
	}
	req := api.PruneRequest{Workspaces: []api.PruneWorkspace{}}
	for _, w := range workspaces {
		c, err := a.configurationAt(cmd, w.Root)
		if err != nil {
			return req, fmt.Errorf("workspace %s: %w", w.Root, err)
		}
		ws := api.Workspace{Dir: w.Root, Exact: true, Config: c.Kinds, Variables: c.Variables(os.LookupEnv), Dumps: c.Dumps}
		req.Workspaces = append(req.Workspaces, api.PruneWorkspace{Workspace: ws, Retention: c.Retention})
	}
	return req, nil
}

func prune(ctx context.Context, a *app, s *session, req api.PruneRequest) error {
	result, err := s.client.Prune(ctx, req)
	if err != nil {
		return err
	}
	return a.print(result, "", func(p *render.Page) { render.Pruned(p, result) })
}
