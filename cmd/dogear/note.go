package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func noteCommand(a *app) *cobra.Command {
	var pin, unpin bool
	cmd := &cobra.Command{
		Use:   "note SNAPSHOT [TEXT]",
		Short: "Change a snapshot's note, or pin it so that nothing deletes it",
		Args:  arguments(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := noteRequest(args, pin, unpin)
			if err != nil {
				return err
			}
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				req.Workspace = s.workspace
				return note(ctx, a, s, req)
			})
		},
	}
	cmd.Flags().BoolVar(&pin, "pin", false, "keep it until it is unpinned")
	cmd.Flags().BoolVar(&unpin, "unpin", false, "let it be deleted again")
	return cmd
}

func noteRequest(args []string, pin, unpin bool) (api.NoteRequest, error) {
	req := api.NoteRequest{Snapshot: args[0]}
	if len(args) > 1 {
		req.Note = &args[1]
	}
	switch {
	case pin && unpin:
		return req, usage("give one of them", "--pin and --unpin contradict each other")
	case pin || unpin:
		req.Pinned = &pin
	case req.Note == nil:
		return req, usage("give a TEXT (an empty one takes the note away), --pin or --unpin", "dogear note: there is nothing to change")
	}
	return req, nil
}

func note(ctx context.Context, a *app, s *session, req api.NoteRequest) error {
	result, err := s.client.Note(ctx, req)
	if err != nil {
		return err
	}
	return a.print(result, string(result.ID), func(p *render.Page) { render.Noted(p, result) })
}
