package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func receiptCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "receipt [RECEIPT]",
		Short: "Show the proof of a restore (the last one), compared with the log",
		Args:  arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return receipt(ctx, a, s, argument(args, 0)) })
		},
	}
}

func receipt(ctx context.Context, a *app, s *session, id string) error {
	result, err := s.client.Receipt(ctx, api.ReceiptRequest{Workspace: s.workspace, Receipt: id})
	if err != nil {
		return err
	}
	return a.print(result, result.Receipt.ID, func(p *render.Page) { render.Receipt(p, result) })
}
