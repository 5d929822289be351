package agent

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"dogear/agent/api"
	"dogear/kind"
)

// fewBytes is the free space below which the doctor warns.
const fewBytes = 1 << 30

// doctor checks what the agent and its drivers need.
func (a *Agent) doctor(ctx context.Context, _ *job, req api.WorkspaceRequest) ([]api.Check, error) {
	checks := []api.Check{a.checkStore(), a.checkSpace(), a.checkLeftovers(), a.checkAgent()}
	d, err := a.open(ctx, req.Workspace)
	if err != nil {
		e := api.AsError(err)
		return append(checks, api.Check{Name: "workspace", Status: api.Warn, Detail: e.Message, Hint: e.Hint}), nil
	}
	checks = append(checks, api.Check{Name: "workspace", Status: api.OK, Detail: d.Root})
	return append(checks, a.checkKinds(ctx, d)...), nil
}

// checkStore reports what opening has proved: the store is private, whole
// enough and can be written.
func (a *Agent) checkStore() api.Check {
	return api.Check{Name: "store", Status: api.OK, Detail: a.Dir + ", private and writable"}
}

func (a *Agent) checkSpace() api.Check {
	check := api.Check{Name: "space"}
	var fs unix.Statfs_t
	if err := unix.Statfs(a.Dir, &fs); err != nil {
		check.Status, check.Detail = api.Fail, err.Error()
		return check
	}
	free := fs.Bavail * uint64(fs.Bsize)
	check.Status, check.Detail = api.OK, humanize.IBytes(free)+" free for the store"
	if free < fewBytes {
		check.Status, check.Hint = api.Warn, "a capture needs room for what has changed; free some, or name another --store"
	}
	return check
}

func (a *Agent) checkLeftovers() api.Check {
	roots, err := a.interrupted()
	switch {
	case err != nil:
		return api.Check{Name: "leftovers", Status: api.Fail, Detail: err.Error()}
	case len(roots) > 0:
		return api.Check{
			Name: "leftovers", Status: api.Fail, Detail: "interrupted jobs in " + strings.Join(roots, ", "),
			Hint: "run dogear recover there",
		}
	}
	return api.Check{Name: "leftovers", Status: api.OK, Detail: "nothing was interrupted"}
}

// interrupted lists the workspaces in which something was interrupted.
func (a *Agent) interrupted() ([]string, error) {
	ids, err := a.journals()
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, id := range ids {
		left, err := readGuard(a.journalPath(id, runningJournal))
		if err != nil {
			return nil, err
		}
		if root := left.Workspace.Root; !a.jobs.worksOn(root) && !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
	}
	return roots, nil
}

func (a *Agent) checkAgent() api.Check {
	if a.Resident {
		return api.Check{Name: "agent", Status: api.OK, Detail: fmt.Sprintf("running as process %d", os.Getpid())}
	}
	return api.Check{Name: "agent", Status: api.OK, Detail: "none runs; each command is its own"}
}

// checkKinds lets every driver look at the workspace.
func (a *Agent) checkKinds(ctx context.Context, d desk) []api.Check {
	var checks []api.Check
	var items []kind.Item
	for _, driver := range a.Drivers {
		found, err := driver.Find(ctx, d.kind, slices.Clip(items))
		if err != nil {
			checks = append(checks, api.Check{Name: driver.Kind(), Status: api.Fail, Detail: err.Error()})
			continue
		}
		items = append(items, found...)
		checks = append(checks, a.checkKind(ctx, d, driver, len(found)))
	}
	return checks
}

// checkKind says how many items a driver has found, and with what.
func (a *Agent) checkKind(ctx context.Context, d desk, driver kind.Driver, found int) api.Check {
	check := api.Check{Name: driver.Kind(), Status: api.OK, Detail: fmt.Sprintf("%d found", found)}
	examiner, ok := driver.(kind.Examiner)
	if !ok {
		return check
	}
	finding := examiner.Examine(ctx, d.kind)
	if finding.Missing {
		check.Status, check.Detail, check.Hint = api.Warn, finding.Detail, finding.Hint
		return check
	}
	check.Detail += ", " + finding.Detail
	return check
}
