package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"

	"dogear/agent"
	"dogear/kind/all"
)

// watching is what the watchdog says once it listens.
const watching = "watching\n"

// ownProgram is this very program, also if its file has been replaced since.
const ownProgram = "/proc/self/exe"

// watchdogCommand is the process that thaws what an agent that has died left
// frozen. It reads its orders from standard input.
func watchdogCommand() *cobra.Command {
	return &cobra.Command{
		Use: "watchdog", Hidden: true, Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if _, err := io.WriteString(os.Stdout, watching); err != nil {
				return err
			}
			return agent.RunWatchdog(os.Stdin, all.Drivers(all.Store{}))
		},
	}
}

// startWatchdog starts that process, in a session of its own: an interrupt at
// the terminal is not meant for it.
func startWatchdog(journal *os.File) (io.WriteCloser, error) {
	cmd := exec.Command(ownProgram)
	cmd.Args = []string{"dogear", "watchdog"}
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{journal} // for its lock
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != watching {
		return nil, errors.Join(fmt.Errorf("it said %q", line), err, cmd.Process.Kill(), cmd.Wait())
	}
	return &watchdog{WriteCloser: stdin, cmd: cmd}, nil
}

// watchdog is the pipe to a watchdog, and the process at its other end.
type watchdog struct {
	io.WriteCloser
	cmd *exec.Cmd
}

// Close lets the watchdog end, and waits for it.
func (w *watchdog) Close() error { return errors.Join(w.WriteCloser.Close(), w.cmd.Wait()) }
