package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	limit    = 10 * time.Minute     // of one run
	sampling = 5 * time.Millisecond // how often memory is looked at
)

// cost is what one run of a program took.
type cost struct {
	wall, cpu time.Duration // cpu of all processes that were waited for
	peak      int64         // resident bytes of all processes together, the largest sample
}

// measure runs a program, with what is waiting to be written out of the way.
func measure(ctx context.Context, cmd *exec.Cmd) (cost, error) {
	return measureInto(ctx, cmd, &bytes.Buffer{})
}

// measureInto also keeps what the program writes.
func measureInto(ctx context.Context, cmd *exec.Cmd, said *bytes.Buffer) (cost, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := exec.CommandContext(ctx, "sync").Run(); err != nil {
		return cost{}, fmt.Errorf("sync: %w", err)
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(said, &output), &output
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	peak := watch(cmd.Process.Pid)
	err := cmd.Wait()
	c := cost{wall: time.Since(start), peak: peak()}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if err != nil {
		return c, fmt.Errorf("%s: %w\n%s", cmd, err, output.Bytes()[:min(output.Len(), 2000)])
	}
	return c, nil
}

// watch samples the memory of a process and its descendants until the
// function it returns is called, which returns the peak.
func watch(pid int) func() int64 {
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := int64(0)
		ticker := time.NewTicker(sampling)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				peak <- most
				return
			case <-ticker.C:
				most = max(most, resident(pid, ""))
			}
		}
	}()
	return func() int64 { close(done); return <-peak }
}

// resident returns the resident bytes of a process and its descendants. One
// that looks just like its parent has been forked but not executed, and still
// is in the parent's memory.
func resident(pid int, parent string) int64 {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	statm, err := os.ReadFile(filepath.Join(proc, "statm"))
	if err != nil {
		return 0 // it has just ended
	}
	sum := int64(0)
	if fields := strings.Fields(string(statm)); len(fields) > 1 && string(statm) != parent {
		pages, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel writes numbers
		sum = pages * int64(os.Getpagesize())
	}
	tasks, _ := filepath.Glob(filepath.Join(proc, "task", "*", "children"))
	for _, task := range tasks {
		children, _ := os.ReadFile(task) // as above
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				sum += resident(n, string(statm))
			}
		}
	}
	return sum
}
