package main

import (
	"os"

	"github.com/spf13/cobra"

	"dogear/internal/courier"
)

// courierCommand is what runs inside an engine, where this user cannot read.
func courierCommand() *cobra.Command {
	return &cobra.Command{
		Use: "courier", Hidden: true, Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return courier.Serve(cmd.Context(), os.Stdin, os.Stdout) },
	}
}
