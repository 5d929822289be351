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

// shownDifferences is how many lines are shown of those that differ.
const shownDifferences = 5

// differences returns how many lines of one are not in the other, and shows the
// first of them.
func differences(want, have []byte) int {
	left := make(map[string]int)
	shown := 0
	show := func(sign, line string) {
		if shown++; shown <= shownDifferences {
			progress("    %s %s", sign, strings.TrimSuffix(line, "\n"))
		}
	}
	for line := range strings.Lines(string(want)) {
		left[line]++
	}
	extra, missing := 0, 0
	for line := range strings.Lines(string(have)) {
		if left[line]--; left[line] < 0 {
			extra++
			show("+", line)
		}
	}
	for line, n := range left {
		if n > 0 {
			missing += n
			show("-", line)
		}
	}
	return max(extra, missing)
}
