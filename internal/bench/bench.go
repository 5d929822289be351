package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// bench is one run of the benchmark.
type bench struct {
	settings
	root       string // the copy of the tree
	contenders []*contender
	want       []byte // the facts of the copy, if they are known
	current    bool   // the contenders have saved the copy as it is
	results    []*result
	started    time.Time
	load       string // of the machine, by others, when it began
}

// A turn is one run of one contender.
type turn struct {
	cost
	added       int64   // bytes by which its store grew
	changed     changed // what had changed
	differences int     // lines of facts
	complained  bool    // it ended with an error
	timings     timings // of a stack
}

// A result is what one contender took for one case.
type result struct {
	name, who string
	turns     []turn
}

func newBench(ctx context.Context, s settings) (*bench, error) {
	b := &bench{settings: s, root: filepath.Join(s.work, "copy", "tree"), started: time.Now(),
		load: said("cut", "-d", " ", "-f", "1-3", "/proc/loadavg")}
	if err := b.copyTree(ctx); err != nil {
		return nil, err
	}
	// What spills goes to the same disk as everything else.
	spill := filepath.Join(s.work, "tmp")
	if err := errors.Join(os.MkdirAll(spill, 0o700), os.Setenv("TMPDIR", spill)); err != nil {
		return nil, err
	}
	if s.profiles != "" {
		if err := errors.Join(os.MkdirAll(s.profiles, 0o700), os.Setenv(profilesVariable, s.profiles)); err != nil {
			return nil, err
		}
	}
	var err error
	b.contenders, err = b.all(filepath.Join(s.work, "stores"))
	return b, err
}

// all returns the contenders that were not left out.
func (b *bench) all(dir string) ([]*contender, error) {
	without, err := regexp.Compile(b.without)
	if err != nil {
		return nil, err
	}
	home := func(name string) string { return filepath.Join(dir, name) }
	all := []*contender{tar(home("tar")), restic(home("restic")), alone(home("engine")), dogear(home("dogear"), b.dogear)}
	return slices.DeleteFunc(all, func(c *contender) bool { return without.MatchString(c.name) }), nil
}

// copyTree makes the copy anew: an earlier run may have changed it.
func (b *bench) copyTree(ctx context.Context) error {
	progress("copying %s", b.tree)
	if err := os.RemoveAll(filepath.Dir(b.root)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(b.root), 0o755); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", b.tree, b.root).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the tree: %w\n%s", err, out)
	}
	// In a workspace that is in use, git's index fits the files.
	refresh := exec.CommandContext(ctx, "git", "-C", filepath.Join(b.root, "repo"), "update-index", "-q", "--refresh")
	if out, err := refresh.CombinedOutput(); err != nil {
		return fmt.Errorf("refresh the index: %w\n%s", err, out)
	}
	return nil
}

func (b *bench) runCases(ctx context.Context) error {
	only, err := regexp.Compile(b.only)
	if err != nil {
		return err
	}
	for _, c := range cases() {
		if !only.MatchString(c.name) {
			continue
		}
		progress("%s", c.name)
		if err := c.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if b.keep {
		return nil
	}
	return os.RemoveAll(b.work)
}

// inTurns runs f for each contender in turn, again and again, and keeps what
// it returns.
func (b *bench) inTurns(ctx context.Context, name string, who []*contender, f func(round int, c *contender) (turn, error)) error {
	for round := range b.rounds {
		for _, c := range who {
			if err := ctx.Err(); err != nil {
				return err
			}
			r, err := f(round, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			b.record(name, c.name, r)
		}
	}
	return nil
}

func (b *bench) record(name, who string, r turn) {
	progress("  %-7s %6.2f s, %5.1f CPU-s, %4d MB", who, r.wall.Seconds(), r.cpu.Seconds(), r.peak/1e6)
	if found := b.result(name, who); found != nil {
		found.turns = append(found.turns, r)
		return
	}
	b.results = append(b.results, &result{name: name, who: who, turns: []turn{r}})
}

func (b *bench) result(name, who string) *result {
	for _, r := range b.results {
		if r.name == name && r.who == who {
			return r
		}
	}
	return nil
}

// save lets a contender save and returns by how much its store grew.
func save(ctx context.Context, c *contender, root string) (turn, error) {
	before, err := c.size()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return turn{}, err
	}
	took, err := measure(ctx, c.save(root))
	if err != nil {
		return turn{}, err
	}
	after, err := c.size()
	return turn{cost: took, added: after - before}, err
}

// restore lets a contender restore, and judges what it made by what look
// returns of it.
func restore(ctx context.Context, c *contender, root string, want []byte, look func(context.Context, string) ([]byte, error)) (turn, error) {
	took, err := measure(ctx, c.restore(root))
	var exit *exec.ExitError
	complained := c.mayComplain && errors.As(err, &exit) && exit.ExitCode() == 1
	if err != nil && !complained {
		return turn{}, err
	}
	have, err := look(ctx, root)
	return turn{cost: took, differences: differences(want, have), complained: complained}, err
}

// base makes sure that the contenders have saved the copy as it is, and that
// its facts are known.
func (b *bench) base(ctx context.Context) (err error) {
	if b.want == nil {
		if b.want, err = facts(ctx, b.root); err != nil {
			return err
		}
	}
	if b.current {
		return nil
	}
	b.current = true
	return prepare(ctx, b.contenders, b.root)
}

// prepare lets contenders save, and does not measure it.
func prepare(ctx context.Context, contenders []*contender, root string) error {
	for _, c := range contenders {
		if _, err := os.Stat(c.home); errors.Is(err, os.ErrNotExist) {
			if err := c.reset(); err != nil {
				return err
			}
		}
		if _, err := save(ctx, c, root); err != nil {
			return err
		}
	}
	return nil
}

// others returns the contenders that can do more than everything again.
func others(contenders []*contender) []*contender {
	return slices.DeleteFunc(slices.Clone(contenders), func(c *contender) bool { return c.name == "tar" })
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
