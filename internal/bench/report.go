package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

//go:embed document.md
var document string

// report prints the tables, and writes the document if one is wanted.
func (b *bench) report(out io.Writer) error {
	tables := b.turnsTable() + "\n" + b.stackTable() + "\n" + b.barsTable()
	if _, err := fmt.Fprintf(out, "\n%s\n%s took %s\n", tables, "the benchmark", time.Since(b.started).Round(time.Second)); err != nil {
		return err
	}
	if b.document == "" {
		return nil
	}
	filled := strings.NewReplacer("{{date}}", b.date, "{{machine}}", machine(), "{{load}}", b.load, "{{versions}}", b.versions(),
		"{{rounds}}", fmt.Sprint(b.rounds), "{{tables}}", tables).Replace(document)
	return os.WriteFile(b.document, []byte(filled), 0o644)
}

func (b *bench) turnsTable() string {
	var out bytes.Buffer
	fmt.Fprintln(&out, "| case | who | best | median | CPU | memory | store grew by | restored |")
	fmt.Fprintln(&out, "|---|---|---|---|---|---|---|---|")
	for _, r := range b.results {
		if !strings.HasPrefix(r.name, "stack-") {
			fmt.Fprintf(&out, "| %s | %s | %.2f s | %.2f s | %.2f s | %d MB | %s | %s |\n", r.name, r.who, r.best().Seconds(),
				r.median().Seconds(), r.cpu().Seconds(), r.peak()/1e6, r.grew(), r.restored())
		}
	}
	return out.String()
}

// grew says by how much the store grew, if the case is a save.
func (r *result) grew() string {
	switch first := r.turns[0]; {
	case strings.HasPrefix(r.name, "restore") || slices.Contains([]string{"cat", pgDump, template}, r.who):
		return ""
	case first.changed.compressed > 0:
		return fmt.Sprintf("%.2f MB for %.2f MB (%.1f MB plain)", float64(r.added())/1e6, float64(first.changed.compressed)/1e6,
			float64(first.changed.plain)/1e6)
	}
	return fmt.Sprintf("%.2f MB", float64(r.added())/1e6)
}

// restored says how exact it was, if the case is a restore.
func (r *result) restored() string {
	complaint := ""
	if r.turns[0].complained {
		complaint = ", ended with an error"
	}
	switch n := r.differences(); {
	case !strings.HasPrefix(r.name, "restore") || r.who == pgRestore:
		return ""
	case n > 0 && r.name == caseNothing:
		return fmt.Sprintf("%d entries touched", n) + complaint
	case n > 0:
		return fmt.Sprintf("%d differences", n) + complaint
	case r.name == caseNothing:
		return "nothing touched" + complaint
	}
	return "exact" + complaint
}

func (b *bench) barsTable() string {
	var out bytes.Buffer
	fmt.Fprintln(&out, "| bar | who | limit | measured | verdict |")
	fmt.Fprintln(&out, "|---|---|---|---|---|")
	for _, x := range bars() {
		for _, who := range []string{"engine", "dogear"} {
			if line, measured := x.line(b, who); measured {
				fmt.Fprintln(&out, line)
			}
		}
	}
	return out.String()
}

// machine names what it ran on.
func machine() string {
	return fmt.Sprintf("%d × %s, %s of memory, Linux %s", runtime.NumCPU(),
		said("bash", "-c", `sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1`),
		said("bash", "-c", `awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo`), said("uname", "-r"))
}

func (b *bench) versions() string {
	return strings.Join([]string{
		"dogear " + said("git", "describe", "--tags", "--always", "--dirty"), runtime.Version(),
		said("restic", "version"), said("bash", "-c", "tar --version | head -n 1"), said("bash", "-c", "zstd --version | tr -d '*'"),
	}, "; ")
}

// said returns what a program prints; that it is missing is worth saying too.
func said(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return fmt.Sprintf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}
