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
)

// Who a dump is measured against.
const (
	pgDump    = "pg_dump"
	pgRestore = "pg_restore"
	template  = "template"
)

// database is a server with a database that is only dumped, as
// testdata/bench/database makes it.
type database struct {
	script, dir string
	dogear      *contender
	want        []byte // what is in it, when it was saved
}

// databases measures dumps and their restores beside the server's own programs,
// and beside a copy within the server.
func databases(ctx context.Context, b *bench) (err error) {
	if err := exec.CommandContext(ctx, "docker", "version").Run(); err != nil {
		progress("  left out: no Docker engine answers")
		return nil
	}
	d := &database{script: b.databaseScript, dir: filepath.Join(b.work, "database")}
	d.dogear = dogear(filepath.Join(b.work, "stores", "database"), b.dogear)
	defer func() { err = errors.Join(err, d.down()) }()
	if err := d.run(ctx, "up"); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *bench) error{d.first, d.again, d.restored} {
		if err := step(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// first dumps into an empty directory, an empty store, and another database.
func (d *database) first(ctx context.Context, b *bench) error {
	for range b.rounds {
		if err := d.peer(ctx, b, caseDump, pgDump, "dump"); err != nil {
			return err
		}
		if err := d.dogear.reset(); err != nil {
			return err
		}
		if err := d.save(ctx, b, caseDump); err != nil {
			return err
		}
		if err := d.peer(ctx, b, caseDump, template, "template"); err != nil {
			return err
		}
		if err := d.run(ctx, "tidy"); err != nil {
			return err
		}
	}
	return nil
}

// again dumps after 1 % of the rows were changed.
func (d *database) again(ctx context.Context, b *bench) error {
	for range b.rounds {
		for _, c := range []struct{ name, which string }{{caseDumpNear, "neighbours"}, {caseDumpSpread, "spread"}} {
			if err := d.run(ctx, "change", c.which); err != nil {
				return err
			}
			if err := d.save(ctx, b, c.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// restored restores where no database is, as pg_restore does, and over the live
// one after 1 % of its rows were changed.
func (d *database) restored(ctx context.Context, b *bench) (err error) {
	if err := d.run(ctx, "dump"); err != nil { // of what the last save has
		return err
	}
	if d.want, err = d.facts(ctx); err != nil {
		return err
	}
	for range b.rounds {
		if err := d.run(ctx, "fresh"); err != nil {
			return err
		}
		if err := d.peer(ctx, b, caseDumpRestore, pgRestore, "restore"); err != nil {
			return err
		}
		if err := d.run(ctx, "tidy"); err != nil {
			return err
		}
		for _, c := range []struct{ name, what, which string }{{caseDumpRestore, "gone", ""}, {caseDumpLive, "change", "spread"}} {
			if err := d.run(ctx, c.what, c.which); err != nil {
				return err
			}
			t, err := restore(ctx, d.dogear, d.dir, d.want, func(ctx context.Context, _ string) ([]byte, error) { return d.facts(ctx) })
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			b.record(c.name, d.dogear.name, t)
		}
	}
	return nil
}

// save measures a save, and how much of its content was new. Its catalog grows
// by the page, whatever is in it.
func (d *database) save(ctx context.Context, b *bench, name string) error {
	cmd := d.dogear.save(d.dir)
	cmd.Args = append(cmd.Args, "--json")
	var said bytes.Buffer
	took, err := measureInto(ctx, cmd, &said)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var document struct{ Bytes struct{ Added int64 } }
	if err := json.Unmarshal(said.Bytes(), &document); err != nil {
		return fmt.Errorf("%s: what dogear says: %w", name, err)
	}
	b.record(name, d.dogear.name, turn{cost: took, added: document.Bytes.Added})
	return nil
}

// peer measures what the server's own programs do.
func (d *database) peer(ctx context.Context, b *bench, name, who, what string) error {
	took, err := measure(ctx, d.command(ctx, what))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.record(name, who, turn{cost: took})
	return nil
}

func (d *database) command(ctx context.Context, what string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, d.script, append([]string{what, d.dir}, args...)...)
}

func (d *database) run(ctx context.Context, what string, args ...string) error {
	_, err := d.output(ctx, what, args...)
	return err
}

func (d *database) facts(ctx context.Context) ([]byte, error) { return d.output(ctx, "facts") }

func (d *database) output(ctx context.Context, what string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var complaints bytes.Buffer
	cmd := d.command(ctx, what, args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("database %s: %w\n%s", what, err, complaints.Bytes())
	}
	return out, nil
}

// down removes the server, whatever has happened.
func (d *database) down() error {
	return errors.Join(d.run(context.Background(), "down"), os.RemoveAll(d.dir))
}

// percentOfFirst compares what a dump has added to the store with what the
// first one did.
func percentOfFirst(name string) func(*bench, string) (float64, bool) {
	return func(b *bench, who string) (float64, bool) {
		again, first := b.result(name, who), b.result(caseDump, who)
		if again == nil || first == nil {
			return 0, false
		}
		return 100 * float64(again.added()) / float64(first.added()), true
	}
}
