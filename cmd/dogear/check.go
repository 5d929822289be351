package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func checkCommand(a *app) *cobra.Command {
	var req api.CheckRequest
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check that the store is whole; exit code 3 if it is not",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAgent(cmd, func(ctx context.Context, s *session) error { return check(ctx, a, s, req) })
		},
	}
	cmd.Flags().BoolVar(&req.ReadData, "read-data", false, "read every byte of it back")
	return cmd
}

func check(ctx context.Context, a *app, s *session, req api.CheckRequest) error {
	result, err := s.client.Check(ctx, req)
	var damage *api.Error
	switch {
	case errors.As(err, &damage) && damage.Code == api.CodeDamaged:
		result = unreadable(s.config.Store, damage)
	case err != nil:
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.StoreChecked(p, result) }); err != nil {
		return err
	}
	if !result.Whole {
		return &verdict{api.CodeDifferences}
	}
	return nil
}

// unreadable is what a check finds of a store that cannot even be opened.
func unreadable(store string, e *api.Error) api.CheckResult {
	return api.CheckResult{Store: store, Problems: []api.Problem{{Where: store, What: e.Message, Hint: e.Hint}}}
}
