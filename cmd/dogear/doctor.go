package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func doctorCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that Dogear needs",
		Args:  arguments(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return doctor(cmd, a) },
	}
}

func doctor(cmd *cobra.Command, a *app) error {
	checks := examine(cmd, a)
	if err := a.print(checks, "", func(p *render.Page) { render.Checks(p, checks) }); err != nil {
		return err
	}
	if slices.ContainsFunc(checks, func(c api.Check) bool { return c.Status == api.Fail }) {
		return &verdict{api.CodeFailed}
	}
	return nil
}

// examine goes as far as it can: what keeps a command from reaching its agent
// is a finding here.
func examine(cmd *cobra.Command, a *app) []api.Check {
	dir, err := a.directory()
	if err != nil {
		return []api.Check{failure("directory", err)}
	}
	c, err := a.configuration(cmd, dir)
	if err != nil {
		return []api.Check{failure("configuration", err)}
	}
	checks := []api.Check{{Name: "configuration", Status: api.OK, Detail: "valid; the store is " + c.Store}}
	var more []api.Check
	err = a.withAgent(cmd, func(ctx context.Context, s *session) (err error) {
		more, err = s.client.Doctor(ctx, api.WorkspaceRequest{Workspace: s.workspace})
		return err
	})
	checks = append(checks, more...)
	if err != nil {
		checks = append(checks, failure("store", err))
	}
	return checks
}

func failure(name string, err error) api.Check {
	e := explain(err)
	return api.Check{Name: name, Status: api.Fail, Detail: e.Message, Hint: e.Hint}
}
