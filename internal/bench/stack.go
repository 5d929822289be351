package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// timings are those that dogear says itself. Tests elsewhere hold them against
// what a client of the stack sees.
type timings struct {
	Freeze  int64 `json:"freeze_ms"`
	Outage  int64 `json:"outage_ms"`
	Healthy int64 `json:"healthy_ms"`
}

// stack is a running stack, made by testdata/bench/stack.
type stack struct {
	script, dir string
	dogear      *contender
}

// stacks measures what people feel whose services run: how long they stand
// still in a save, and how long they are away in a restore.
func stacks(ctx context.Context, b *bench) (err error) {
	if err := exec.CommandContext(ctx, "docker", "version").Run(); err != nil {
		progress("  left out: no Docker engine answers")
		return nil
	}
	s := &stack{script: b.stack, dir: filepath.Join(b.work, "stack")}
	s.dogear = dogear(filepath.Join(b.work, "stores", "stack"), b.dogear)
	s.dogear.engine = true
	if err := s.dogear.reset(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.down()) }()
	if _, err := s.run(ctx, "up", filepath.Join(b.tree, "node_modules")); err != nil {
		return err
	}
	steps := []func(context.Context, *bench) error{s.first, s.again, s.inPlace, s.underLoad, s.afterLoad}
	for _, step := range steps {
		if err := step(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) first(ctx context.Context, b *bench) error {
	return s.measure(ctx, b, caseStackFirst, s.dogear.save)
}

func (s *stack) again(ctx context.Context, b *bench) error {
	for range b.rounds {
		if err := s.measure(ctx, b, caseStackAgain, s.dogear.save); err != nil {
			return err
		}
	}
	return nil
}

// underLoad saves while clients write.
func (s *stack) underLoad(ctx context.Context, b *bench) error {
	load := s.command(ctx, "load")
	if err := load.Start(); err != nil {
		return err
	}
	defer func() { _ = load.Wait() }() // its clients are cut off
	time.Sleep(2 * time.Second)        // they have got going
	var failed error
	for range b.rounds {
		if failed = s.measure(ctx, b, caseStackLoad, s.dogear.save); failed != nil {
			break
		}
	}
	_, err := s.run(ctx, "calm")
	return errors.Join(failed, err)
}

// inPlace brings back what was saved after nothing but pages of a table has
// changed, and measures what the database needs to start by itself.
func (s *stack) inPlace(ctx context.Context, b *bench) error {
	return s.restore(ctx, b, caseStackRestore, func() error {
		took, err := s.run(ctx, "restart")
		if err != nil {
			return err
		}
		ms, err := strconv.ParseInt(strings.TrimSpace(took), 10, 64)
		if err != nil {
			return fmt.Errorf("what a start took: %w", err)
		}
		b.record(caseStackRestore, startAlone, turn{cost: cost{wall: time.Duration(ms) * time.Millisecond}})
		return nil
	})
}

// afterLoad does the same where the load before has used up the write-ahead log:
// its checkpoint gives the segments other names, and nearly all of them differ.
func (s *stack) afterLoad(ctx context.Context, b *bench) error {
	return s.restore(ctx, b, caseStackAfter, func() error { return nil })
}

// restore saves, changes pages and restores, and goes on with then each time.
func (s *stack) restore(ctx context.Context, b *bench, name string, then func() error) error {
	if _, err := measure(ctx, s.dogear.save(s.dir)); err != nil {
		return err
	}
	for range b.rounds {
		if _, err := s.run(ctx, "change"); err != nil {
			return err
		}
		if err := s.measure(ctx, b, name, s.dogear.restore); err != nil {
			return err
		}
		if err := then(); err != nil {
			return err
		}
	}
	return nil
}

// measure runs dogear on the stack and keeps what it says about it.
func (s *stack) measure(ctx context.Context, b *bench, name string, what func(root string) *exec.Cmd) error {
	cmd := what(s.dir)
	cmd.Args = append(cmd.Args, "--json")
	var said bytes.Buffer
	took, err := measureInto(ctx, cmd, &said)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var document struct{ Timings timings }
	if err := json.Unmarshal(said.Bytes(), &document); err != nil {
		return fmt.Errorf("%s: what dogear says: %w", name, err)
	}
	b.record(name, "dogear", turn{cost: took, timings: document.Timings})
	return nil
}

func (s *stack) command(ctx context.Context, what string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, s.script, append([]string{what, s.dir}, args...)...)
}

func (s *stack) run(ctx context.Context, what string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var complaints bytes.Buffer
	cmd := s.command(ctx, what, args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("stack %s: %w\n%s", what, err, complaints.Bytes())
	}
	return string(out), nil
}

// down removes the stack, whatever has happened.
func (s *stack) down() error {
	if _, err := os.Stat(filepath.Join(s.dir, "compose.yaml")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	_, err := s.run(context.Background(), "down")
	return errors.Join(err, os.RemoveAll(s.dir))
}

// startAlone stands for the database, started by the engine.
const startAlone = "start alone"

// outageAlone is the outage without what the database needs to become healthy:
// the app is started after that.
func outageAlone(b *bench, who string) (float64, bool) {
	restored, start := b.result(caseStackRestore, who), b.result(caseStackRestore, startAlone)
	if restored == nil || start == nil {
		return 0, false
	}
	return restored.said(outage) - start.median().Seconds(), true
}

// stackTable lists what the cases with a stack took.
func (b *bench) stackTable() string {
	var out bytes.Buffer
	for _, r := range b.results {
		if !strings.HasPrefix(r.name, "stack-") {
			continue
		}
		if out.Len() == 0 {
			fmt.Fprintln(&out, "| case | who | freeze | outage | healthy after | in all | CPU | memory |\n|---|---|---|---|---|---|---|---|")
		}
		fmt.Fprintf(&out, "| %s | %s | %.2f s | %.2f s | %.2f s | %.2f s | %.2f s | %d MB |\n", r.name, r.who, r.said(freeze), r.said(outage),
			r.said(healthy), r.median().Seconds(), r.cpu().Seconds(), r.peak()/1e6)
	}
	return out.String()
}

func freeze(t timings) int64  { return t.Freeze }
func outage(t timings) int64  { return t.Outage }
func healthy(t timings) int64 { return t.Healthy }

// said returns the median of what dogear said, in seconds.
func (r *result) said(what func(timings) int64) float64 {
	return float64(middle(r.turns, func(t turn) int64 { return what(t.timings) })) / 1000
}

// saidOf is the value of a bar.
func saidOf(name string, what func(timings) int64) func(*bench, string) (float64, bool) {
	return func(b *bench, who string) (float64, bool) {
		r := b.result(name, who)
		if r == nil {
			return 0, false
		}
		return r.said(what), true
	}
}
