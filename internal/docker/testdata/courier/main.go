// Command courier is what tests run in the courier's container.
package main

import (
	"context"
	"fmt"
	"os"

	"dogear/internal/courier"
)

func main() {
	if err := courier.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
