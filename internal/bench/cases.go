package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// The names of the cases.
const (
	caseFirst     = "first-capture"
	caseUnchanged = "nothing-changed"
	caseNothing   = "restore-nothing"
	caseInPlace   = "restore-in-place"
	caseAll       = "restore-all"
	caseChanged   = "one-percent-changed"
	casePages     = "pages"

	caseStackFirst   = "stack-first-save"
	caseStackAgain   = "stack-nothing-changed"
	caseStackLoad    = "stack-under-load"
	caseStackRestore = "stack-restore"
	caseStackAfter   = "stack-restore-after-load"

	caseDump        = "database-dump"
	caseDumpNear    = "database-dump-neighbours"
	caseDumpSpread  = "database-dump-spread"
	caseDumpRestore = "restore-database"
	caseDumpLive    = "restore-live-database"
)

// testCase is one thing that is measured.
type testCase struct {
	name, what string
	run        func(ctx context.Context, b *bench) error
}

func cases() []testCase {
	return []testCase{
		{caseFirst, "the tree into a new store", firstCapture},
		{caseUnchanged, "the tree again", nothingChanged},
		{caseNothing, "over the tree as it was saved", restoreNothing},
		{caseInPlace, "over the tree after 1 % of the files and of the pages of Postgres were rewritten", restoreInPlace},
		{caseAll, "into a directory with nothing but an empty one in it", restoreAll},
		{caseChanged, "after 1 % of the files and of the pages of Postgres were rewritten", onePercentChanged},
		{casePages, "after 1 % of the pages of 8 kB of a file of 1 GB were rewritten", pages},
		{"database", "a database of 900 MB: dumped, dumped after 1 % of its rows were changed, restored", databases},
		{"stack", "a running stack of 1.7 GB: saved, restored after 1 % of the pages changed, saved under pgbench, restored after that", stacks},
	}
}

func firstCapture(ctx context.Context, b *bench) error {
	b.current = true
	return b.inTurns(ctx, caseFirst, b.contenders, func(_ int, c *contender) (turn, error) {
		if err := c.reset(); err != nil {
			return turn{}, err
		}
		return save(ctx, c, b.root)
	})
}

func nothingChanged(ctx context.Context, b *bench) error {
	if err := b.base(ctx); err != nil {
		return err
	}
	return b.inTurns(ctx, caseUnchanged, others(b.contenders), func(_ int, c *contender) (turn, error) {
		return save(ctx, c, b.root)
	})
}

func restoreNothing(ctx context.Context, b *bench) error {
	if err := b.base(ctx); err != nil {
		return err
	}
	return b.inTurns(ctx, caseNothing, others(b.contenders), func(_ int, c *contender) (turn, error) {
		if err := b.lookAgain(ctx, c); err != nil {
			return turn{}, err
		}
		before, err := stamps(ctx, b.root)
		if err != nil {
			return turn{}, err
		}
		return restore(ctx, c, b.root, before, stamps)
	})
}

func restoreInPlace(ctx context.Context, b *bench) error {
	if err := b.base(ctx); err != nil {
		return err
	}
	return b.inTurns(ctx, caseInPlace, others(b.contenders), func(round int, c *contender) (turn, error) {
		if err := b.lookAgain(ctx, c); err != nil {
			return turn{}, err
		}
		done, err := change(b.root, uint64(round))
		if err != nil {
			return turn{}, err
		}
		t, err := restore(ctx, c, b.root, b.want, facts)
		t.changed = done
		if err == nil && t.differences > 0 {
			err = b.repair(ctx)
		}
		return t, err
	})
}

// lookAgain lets a contender save the copy and restore it, unmeasured. Others
// that restored it have touched what they need not; who has looked at it
// himself, both ways, knows the files that are there.
func (b *bench) lookAgain(ctx context.Context, c *contender) error {
	if _, err := save(ctx, c, b.root); err != nil {
		return err
	}
	_, err := restore(ctx, c, b.root, nil, func(context.Context, string) ([]byte, error) { return nil, nil })
	return err
}

// repair brings the copy back after a restore that was not exact, with the
// first of the contenders that can.
func (b *bench) repair(ctx context.Context) error {
	for _, c := range slices.Backward(b.contenders) {
		if t, err := restore(ctx, c, b.root, b.want, facts); err != nil || t.differences == 0 {
			return err
		}
	}
	return errors.New("the tree cannot be brought back")
}

func restoreAll(ctx context.Context, b *bench) error {
	if err := b.base(ctx); err != nil {
		return err
	}
	// What was restored is removed at the end only: ext4 is ten times as slow
	// in making files while it avoids the inodes of those just removed.
	aside, done := filepath.Join(b.work, "aside"), filepath.Join(b.work, "done")
	if err := os.MkdirAll(done, 0o700); err != nil {
		return err
	}
	err := b.inTurns(ctx, caseAll, b.contenders, func(round int, c *contender) (turn, error) {
		if err := errors.Join(os.Rename(b.root, aside), os.MkdirAll(filepath.Join(b.root, "repo"), 0o755)); err != nil {
			return turn{}, err
		}
		t, err := restore(ctx, c, b.root, b.want, facts)
		return t, errors.Join(err, os.Rename(b.root, filepath.Join(done, fmt.Sprint(c.name, round))), os.Rename(aside, b.root))
	})
	err = errors.Join(err, os.RemoveAll(done))
	b.current = false // they remember files that are gone
	return err
}

func onePercentChanged(ctx context.Context, b *bench) error {
	if err := b.base(ctx); err != nil {
		return err
	}
	b.want = nil
	return savesAfter(ctx, b, caseChanged, others(b.contenders), b.root, func(round int) (changed, error) {
		return change(b.root, uint64(100+round))
	})
}

// savesAfter measures what all contenders take to save the same change.
func savesAfter(ctx context.Context, b *bench, name string, who []*contender, root string, f func(round int) (changed, error)) error {
	var done changed
	return b.inTurns(ctx, name, who, func(round int, c *contender) (turn, error) {
		if c == who[0] {
			var err error
			if done, err = f(round); err != nil {
				return turn{}, err
			}
		}
		t, err := save(ctx, c, root)
		t.changed = done
		return t, err
	})
}

// pages has a directory and stores of its own. The file is one that Postgres
// wrote; reading it is measured as well.
func pages(ctx context.Context, b *bench) error {
	root := filepath.Join(b.work, "pages", "tree")
	file := filepath.Join(root, "pgdata", "base", "16384", "16385")
	if err := b.makeFile(ctx, file); err != nil {
		return err
	}
	who, err := b.all(filepath.Join(b.work, "pages", "stores"))
	if err != nil {
		return err
	}
	who = others(who)
	if err := prepare(ctx, who, root); err != nil {
		return err
	}
	return savesAfter(ctx, b, casePages, who, root, func(round int) (changed, error) {
		done, err := changePages(file, uint64(round))
		if err != nil {
			return done, err
		}
		took, err := measure(ctx, exec.CommandContext(ctx, "bash", "-c", `cat "$1" >/dev/null`, "bash", file))
		b.record(casePages, "cat", turn{cost: took})
		return done, err
	})
}

// makeFile makes a file of 1 GB out of the tables.
func (b *bench) makeFile(ctx context.Context, file string) error {
	if err := os.RemoveAll(filepath.Join(b.work, "pages")); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	script := `find "$1" -type f -size +1M -print0 | sort -z | xargs -0 cat | head -c 1G >"$2"`
	out, err := exec.CommandContext(ctx, "bash", "-c", script, "bash", filepath.Join(b.tree, "pgdata", "base"), file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make a file: %w\n%s", err, out)
	}
	return nil
}
