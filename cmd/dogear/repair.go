package main

import (
	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/render"
)

func repairCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "repair",
		Short: "Rebuild the catalog of a store that cannot be opened; exit code 3 if damage is left",
		Long: `Rebuilds the catalog from the packs and records beside it, and writes records
that are damaged anew where the old catalog still has them. Nothing is deleted:
the old catalog is set aside, and what is damaged stays where it is. No other
command can use the store meanwhile.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return repair(cmd, a) },
	}
}

func repair(cmd *cobra.Command, a *app) error {
	store, err := a.store(cmd)
	if err != nil {
		return err
	}
	result, err := repairStore(cmd.Context(), store, cmd.CommandPath())
	if err != nil {
		return err
	}
	if err := a.print(result, "", func(p *render.Page) { render.Repaired(p, result) }); err != nil {
		return err
	}
	if len(result.Damaged) > 0 {
		return &verdict{api.CodeDifferences}
	}
	return nil
}
