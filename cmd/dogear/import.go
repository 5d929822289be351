package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func importCommand(a *app) *cobra.Command {
	var note, name string
	cmd := &cobra.Command{
		Use:   "import ITEM FILE",
		Short: "Take a dump of another program (pg_dump) or a SQLite file as a snapshot of one item",
		Long: `Take a dump that another program has written as a snapshot of one item, such as
postgres/db/shop. Nothing live is changed. Restoring that snapshot restores the
item alone.`,
		Args: arguments(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[1])
			if err != nil {
				return err
			}
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				return importDump(ctx, a, s, api.ImportRequest{Workspace: s.workspace, Item: args[0], Path: path, Note: note, Name: name})
			})
		},
	}
	cmd.Flags().StringVarP(&note, "message", "m", "", "a note (default: the name of the file)")
	cmd.Flags().StringVar(&name, "name", "", "a name for the snapshot")
	return cmd
}

func importDump(ctx context.Context, a *app, s *session, req api.ImportRequest) error {
	result, err := s.client.Import(ctx, req)
	if err != nil {
		return err
	}
	return a.print(result, string(result.Snapshot.ID), func(p *render.Page) { render.Imported(p, result) })
}
