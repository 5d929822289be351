package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"strings"
)

//go:embed facts.sh
var factsScript string

// facts returns what a tree holds, as programs see it that have nothing to do
// with what is measured.
func facts(ctx context.Context, root string) ([]byte, error) { return look(ctx, root, "facts") }

// stamps returns what changes as soon as something in the tree is touched.
func stamps(ctx context.Context, root string) ([]byte, error) { return look(ctx, root, "stamps") }

func look(ctx context.Context, root, what string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-c", factsScript, "facts.sh", root, what)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w\n%s", root, err, &stderr)
	}
	return out, nil
}

// differences returns how many lines of one are not in the other.
func differences(want, have []byte) int {
	left := make(map[string]int)
	for line := range strings.Lines(string(want)) {
		left[line]++
	}
	extra, missing := 0, 0
	for line := range strings.Lines(string(have)) {
		if left[line]--; left[line] < 0 {
			extra++
		}
	}
	for _, n := range left {
		missing += max(n, 0)
	}
	return max(extra, missing)
}
