package main

import (
	"github.com/spf13/cobra"

	"dogear/cmd/dogear/render"
)

func agentCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "The agent that owns the store (commands work without one)",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(agentRunCommand(a), agentStatusCommand(a))
	return cmd
}

func agentRunCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run an agent that stays until it is interrupted",
		Args:  arguments(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runAgent(cmd, a) },
	}
}

func runAgent(cmd *cobra.Command, a *app) error {
	store, err := a.store(cmd)
	if err != nil {
		return err
	}
	return serve(cmd.Context(), store, cmd.CommandPath(), func() { a.note("the agent of " + store + " is ready") })
}

func agentStatusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the agent that runs, and what it does",
		Args:  arguments(0, 0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return agentStatus(cmd, a) },
	}
}

func agentStatus(cmd *cobra.Command, a *app) error {
	store, err := a.store(cmd)
	if err != nil {
		return err
	}
	status, err := askRunning(cmd.Context(), store)
	if err != nil {
		return err
	}
	return a.print(status, "", func(p *render.Page) { render.AgentStatus(p, status) })
}

// store is the directory of the store that a command is about.
func (a *app) store(cmd *cobra.Command) (string, error) {
	dir, err := a.directory()
	if err != nil {
		return "", err
	}
	c, err := a.configuration(cmd, dir)
	return c.Store, err
}
