// Command bench measures Dogear side by side with tar | zstd and restic, in
// turns and in one run, and says which bars hold. docs/benchmarks.md is its
// output; `make bench` runs it.
//
// Dogear is measured twice: as the dogear binary that users run, and as the
// engine alone, which is package tree on package store and nothing else. What
// a restore brought back is judged by find, sha256sum and getfattr.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == engineCommand {
		return engine(ctx, args[1:])
	}
	s, err := parse(args)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, s)
	if err != nil {
		return err
	}
	if err := b.runCases(ctx); err != nil {
		return err
	}
	return b.report(os.Stdout)
}

// settings are what the command line says.
type settings struct {
	tree, work, dogear string
	stack              string // the script that makes one
	databaseScript     string // as above
	rounds             int
	only               string // a regular expression of cases
	without            string // a regular expression of contenders
	document, date     string
	keep               bool
	profiles           string // a directory
}

func parse(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&s.tree, "tree", "", "the tree to measure on, as testdata/bench/tree makes it; it is copied")
	flags.StringVar(&s.work, "work", "", "an empty directory, or the one of an earlier run, with 12 GB to spare")
	flags.StringVar(&s.dogear, "dogear", "bin/dogear", "the binary to measure")
	flags.StringVar(&s.stack, "stack", "testdata/bench/stack", "the script that makes the stack to measure on")
	flags.StringVar(&s.databaseScript, "database", "testdata/bench/database", "the script that makes the server to dump from")
	flags.IntVar(&s.rounds, "rounds", 3, "how often each contender runs")
	flags.StringVar(&s.only, "run", ".", "run only the cases that match")
	flags.StringVar(&s.without, "without", "^$", "leave out the contenders that match: tar, restic, engine, dogear")
	flags.StringVar(&s.document, "document", "", "also write this file (docs/benchmarks.md); needs -date")
	flags.StringVar(&s.date, "date", "", "the day that the document names")
	flags.BoolVar(&s.keep, "keep", false, "leave the copy and the stores in the directory")
	flags.StringVar(&s.profiles, "profiles", "", "have the engine leave profiles of the processor, memory and an execution trace there")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.tree == "" || s.work == "" || (s.document != "" && s.date == "") {
		return s, errors.New("-tree and -work are needed, and -date for a document (see -help)")
	}
	for _, path := range []*string{&s.tree, &s.work, &s.dogear, &s.stack, &s.databaseScript, &s.profiles} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return s, err
		}
		*path = absolute
	}
	return s, nil
}
