package agent

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

// desk is a workspace as a job sees it.
type desk struct {
	snapshot.Workspace
	kind *kind.Workspace // for the drivers
}

// open finds the workspace of a request.
func (a *Agent) open(ctx context.Context, ws api.Workspace) (desk, error) {
	if err := a.waitHealed(ctx); err != nil {
		return desk{}, err
	}
	workspaces, err := a.store.Workspaces(ctx)
	if err != nil {
		return desk{}, fmt.Errorf("list workspaces: %w", err)
	}
	known := make([]string, 0, len(workspaces))
	for _, w := range workspaces {
		known = append(known, w.Root)
	}
	root, err := locate(ws, known)
	if err != nil {
		return desk{}, err
	}
	a.environment.Store(root, ws.Variables)
	if err := checkOptions(a.Drivers, ws.Options); err != nil {
		return desk{}, err
	}
	return desk{Workspace: snapshot.WorkspaceAt(root), kind: a.forDrivers(root, ws)}, nil
}

// waitHealed waits until what was interrupted has been looked after.
func (a *Agent) waitHealed(ctx context.Context) error {
	select {
	case <-a.healed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *Agent) forDrivers(root string, ws api.Workspace) *kind.Workspace {
	volatile := make([]kind.Pattern, 0, len(ws.Volatile))
	for _, v := range ws.Volatile {
		volatile = append(volatile, kind.Pattern(v))
	}
	return &kind.Workspace{
		Root: root, Config: ws.Config, Options: ws.Options, Volatile: volatile, Dumps: ws.Dumps,
		Variables: ws.Variables, Redact: a.redact, Cache: a.store.Cache(snapshot.WorkspaceAt(root).ID), Kept: &kind.Shared{},
		Traffic: &kind.Traffic{},
	}
}

// fromWire is the workspace of a job that an earlier agent began. The journal
// does not have the variables: they are those of the request that heals it, or
// of this process.
func (a *Agent) fromWire(w wireWorkspace) *kind.Workspace {
	return a.forDrivers(w.Root, api.Workspace{Config: w.Config, Options: w.Options, Volatile: w.Volatile, Variables: a.variables(w)})
}

func (a *Agent) variables(w wireWorkspace) map[string]string {
	known, _ := a.environment.Load(w.Root)
	said, _ := known.(map[string]string)
	all := maps.Clone(said)
	if all == nil {
		all = make(map[string]string)
	}
	for _, section := range w.Config {
		for _, name := range api.References(section) {
			if _, ok := all[name]; ok {
				continue
			}
			if value, ok := os.LookupEnv(name); ok {
				all[name] = value
			}
		}
	}
	return all
}

// redact digests a value that may be secret with the store's key.
func (a *Agent) redact(secret string) string {
	mac := hmac.New(sha256.New, a.store.Secret())
	mac.Write([]byte(secret))
	return hex.EncodeToString(mac.Sum(nil))
}

// take opens the workspace for a job that has it to itself, with nothing left
// of what was interrupted, and says so if there was something.
func (a *Agent) take(ctx context.Context, j *job, ws api.Workspace) (desk, error) {
	d, err := a.takeHealed(ctx, j, ws)
	a.tellHealed(j, d)
	return d, err
}

// view opens the workspace for a job that only looks at what was saved and
// done, and says what became of what was interrupted.
func (a *Agent) view(ctx context.Context, j *job, ws api.Workspace) (desk, error) {
	a.reportHealing(j)
	d, err := a.open(ctx, ws)
	if err != nil {
		return d, err
	}
	a.tellHealed(j, d)
	if a.jobs.worksOn(d.Root) {
		return d, nil // what is not finished may well be that job's
	}
	left, err := a.unfinished(d.Root)
	for _, operation := range left {
		j.note("an interrupted %s of %s is neither finished nor taken back yet: dogear recover", operation, d.Root)
		break
	}
	return d, err
}

func (a *Agent) tellHealed(j *job, d desk) {
	for _, e := range a.recent.take(d.Root) {
		j.note("%s", healedNote(d.Root, e))
	}
}

// reportHealing says what open is about to wait for.
func (a *Agent) reportHealing(j *job) {
	select {
	case <-a.healed:
		return
	default:
	}
	if left, err := a.journals(); err == nil && len(left) > 0 {
		j.report("waiting: something was interrupted earlier, and is being taken back")
	}
}

func (a *Agent) takeHealed(ctx context.Context, j *job, ws api.Workspace) (desk, error) {
	a.reportHealing(j)
	d, err := a.open(ctx, ws)
	if err != nil {
		return desk{}, err
	}
	if err := a.jobs.claim(j, d.Root); err != nil {
		return desk{}, err
	}
	return d, a.heal(ctx, j, d.Root)
}
