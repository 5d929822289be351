// Package proc runs programs: bounded output, a predictable locale, the whole
// process group killed when the context ends, and, where Dogear is root, as
// the owner of what the program touches.
//
// What a program is run for belongs to the caller; no program is known here.
package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	defaultLimit = 256 << 20
	stderrLimit  = 4 << 10
	killDelay    = 2 * time.Second
)

// ErrTooMuch says that a program wrote more than Command.Limit.
var ErrTooMuch = errors.New("the program wrote more than expected")

// Command is one run of a program.
type Command struct {
	Name string // a path, or a name that is looked up in PATH
	Args []string
	Dir  string

	// Env is added to the inherited environment. From that, variables whose
	// name starts with one of Drop are left out first.
	Env  []string
	Drop []string

	Stdin  io.Reader
	Stdout io.Writer // takes the output instead of Run's result; not bounded
	Limit  int64     // most bytes of output that Run returns; 0 means 256 MiB

	// Owner, unless nil, is whom the program runs as.
	Owner *Credential
}

// Error is what Run returns for a program that ended with a status other
// than 0. Neither arguments nor environment are in it: they may be secret.
type Error struct {
	Program string
	Status  *os.ProcessState
	Stderr  string // trimmed; the end of it if it was long
}

func (e *Error) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("%s: %s", e.Program, e.Status)
	}
	return fmt.Sprintf("%s: %s: %s", e.Program, e.Status, e.Stderr)
}

// Code returns the exit code, or -1 if the program was ended by a signal.
func (e *Error) Code() int { return e.Status.ExitCode() }

// Run runs the program to its end and returns its output.
func Run(ctx context.Context, c Command) ([]byte, error) {
	stdout := &bounded{left: c.limit()}
	stderr := &tail{}
	cmd := c.build(ctx)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if err := cmd.Run(); err != nil {
		return nil, explain(ctx, c, stdout, stderr, err)
	}
	return stdout.taken.Bytes(), nil
}

func (c Command) limit() int64 {
	if c.Limit > 0 {
		return c.Limit
	}
	return defaultLimit
}

func (c Command) build(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = c.environment(os.Environ())
	cmd.Stdin = c.Stdin
	// It ends with us: who takes back what we did meets nobody at work on it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if c.Owner != nil {
		cmd.SysProcAttr.Credential = c.Owner.system()
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killDelay
	return cmd
}

// environment puts the variables that must hold last, where they win.
func (c Command) environment(inherited []string) []string {
	env := slices.DeleteFunc(slices.Clone(inherited), c.drops)
	if c.Owner != nil {
		env = append(env, c.Owner.environment()...)
	}
	return append(append(env, c.Env...), "LC_ALL=C")
}

func (c Command) drops(variable string) bool {
	return slices.ContainsFunc(c.Drop, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
}

func explain(ctx context.Context, c Command, stdout *bounded, stderr *tail, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", filepath.Base(c.Name), context.Cause(ctx))
	}
	if stdout.overflow {
		return fmt.Errorf("%s: %w", filepath.Base(c.Name), ErrTooMuch)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &Error{Program: filepath.Base(c.Name), Status: exit.ProcessState, Stderr: stderr.text()}
	}
	return fmt.Errorf("run %s: %w", filepath.Base(c.Name), err)
}

// bounded is a buffer that takes so many bytes and no more. The buffer is not
// embedded: its ReadFrom would go round the bound.
type bounded struct {
	taken    bytes.Buffer
	left     int64
	overflow bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		b.overflow = true
		return 0, ErrTooMuch
	}
	return b.taken.Write(p)
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - stderrLimit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) text() string { return strings.TrimSpace(string(t.kept)) }
