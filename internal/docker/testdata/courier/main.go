// Command courier is what tests run in the courier's container.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"dogear/internal/courier"
)

func main() {
	serve := courier.Serve
	if slices.Contains(os.Args, "--"+courier.CompressedFlag) {
		serve = courier.ServeCompressed
	}
	if err := serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
