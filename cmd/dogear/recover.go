package main

import (
	"context"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

// recoverName is the command that decides about restores that were
// interrupted; any other on their workspace takes them back.
const recoverName = "recover"

func recoverCommand(a *app) *cobra.Command {
	var resume, rollback bool
	cmd := &cobra.Command{
		Use:   recoverName,
		Short: "Finish or take back what was interrupted (every command takes it back, when it starts)",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if resume && rollback {
				return usage("leave one of them out", "--resume and --rollback contradict each other")
			}
			return a.withAgent(cmd, func(ctx context.Context, s *session) error {
				return recoverWorkspace(ctx, a, s, resume, rollback)
			})
		},
	}
	cmd.Flags().BoolVar(&resume, "resume", false, "finish an interrupted restore")
	cmd.Flags().BoolVar(&rollback, "rollback", false, "take it back, also if what was written since cannot be captured")
	return cmd
}

func recoverWorkspace(ctx context.Context, a *app, s *session, resume, rollback bool) error {
	result, err := s.client.Recover(ctx, api.RecoverRequest{Workspace: s.workspace, Resume: resume, Rollback: rollback})
	if err != nil {
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.Recovered(p, result) }); err != nil || result.Finished == nil {
		return err
	}
	return judge(*result.Finished)
}
