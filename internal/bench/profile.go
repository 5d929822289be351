package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"runtime/trace"
	"time"
)

// profilesVariable tells the engine's process where to leave its profiles.
const profilesVariable = "DOGEAR_BENCH_PROFILES"

// profile begins to note where the engine spends its time, if that was asked
// for: in files that are named for what it does and when, for go tool pprof and
// go tool trace. It costs some percent of the time.
func profile(what string) (stop func() error, err error) {
	dir := os.Getenv(profilesVariable)
	if dir == "" {
		return func() error { return nil }, nil
	}
	name := fmt.Sprintf("%s-%s", what, time.Now().UTC().Format("150405"))
	path := func(extension string) string { return filepath.Join(dir, name+extension) }
	cpu, err := os.Create(path(".cpu"))
	if err != nil {
		return nil, err
	}
	events, err := os.Create(path(".trace"))
	if err != nil {
		return nil, errors.Join(err, cpu.Close())
	}
	if err := errors.Join(pprof.StartCPUProfile(cpu), trace.Start(events)); err != nil {
		return nil, errors.Join(err, cpu.Close(), events.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		trace.Stop()
		return errors.Join(cpu.Close(), events.Close(), allocations(path(".mem")))
	}, nil
}

// allocations writes what was allocated, and what of it is still in use.
func allocations(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
