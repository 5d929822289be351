package main

import (
	"os"

	"github.com/spf13/cobra"

	"dogear/internal/courier"
)

// courierCommand is what runs inside an engine, where this user cannot read.
func courierCommand() *cobra.Command {
	var compressed bool
	cmd := &cobra.Command{
		Use: "courier", Hidden: true, Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if compressed {
				return courier.ServeCompressed(cmd.Context(), os.Stdin, os.Stdout)
			}
			return courier.Serve(cmd.Context(), os.Stdin, os.Stdout)
		},
	}
	cmd.Flags().BoolVar(&compressed, courier.CompressedFlag, false, "what is said either way is compressed")
	return cmd
}
