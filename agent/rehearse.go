package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/restore"
)

// rehearsalDir is where, in the store, the copies of rehearsals are: it is
// private, and on a disk that has room for what is captured.
const rehearsalDir = "rehearsals"

// rehearse restores a snapshot beside the workspace, where it can reach
// nothing, proves it and removes it. The workspace may be worked on meanwhile.
func (a *Agent) rehearse(ctx context.Context, j *job, req api.RehearseRequest) (api.RehearseResult, error) {
	d, err := a.open(ctx, req.Workspace)
	if err != nil {
		return api.RehearseResult{}, err
	}
	target, err := a.resolve(ctx, j, d, req.Snapshot)
	if err != nil {
		return api.RehearseResult{}, err
	}
	if _, err := a.requireEngines(ctx, d, target.Parts); err != nil {
		return api.RehearseResult{}, err
	}
	defer a.store.Hold(target.ID)()
	id := string(a.NewID())
	root := a.rehearsalRoot(id)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return api.RehearseResult{}, err
	}
	ws := *d.kind
	ws.Root, ws.Cache = root, &forgotten{kept: make(map[string][]byte)}
	rehearsed, err := restore.Rehearsal{
		Drivers: a.Drivers, Workspace: &ws, Target: target, Source: a.store, Mark: rehearsalMark(id),
		HealthTimeout: a.HealthTimeout, Now: a.Now, Progress: j.report,
	}.Run(ctx)
	left := os.Remove(filepath.Dir(root)) // not if some of it could not be removed: see reapRehearsals
	if err != nil {
		return api.RehearseResult{}, fmt.Errorf("%w (the workspace was not touched)", err)
	}
	return api.RehearseResult{Source: head(target), Workspace: d.Workspace, Rehearsed: rehearsed}, left
}

// rehearsalRoot is the root of a copy. Its name is that of nothing else.
func (a *Agent) rehearsalRoot(id string) string {
	return filepath.Join(a.Dir, rehearsalDir, id, "workspace")
}

// rehearsalMark begins all names that a rehearsal makes.
func rehearsalMark(id string) string { return "dogear-rehearsal-" + id + "-" }

// stragglers is how long an engine may take for what a rehearsal had asked it to
// make when it was killed.
const stragglers = time.Minute

// reapedMark is a file beside the copy of a rehearsal that was killed. It is as
// old as the first removal of what that had made.
const reapedMark = "reaped"

// reapRehearsals removes what is left of rehearsals that were killed, and once
// more after a while. What cannot be removed now stays for the next agent.
func (a *Agent) reapRehearsals(ctx context.Context) error {
	entries, err := os.ReadDir(filepath.Join(a.Dir, rehearsalDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, a.reapRehearsal(ctx, e.Name()))
	}
	return errors.Join(errs...)
}

func (a *Agent) reapRehearsal(ctx context.Context, id string) error {
	root := a.rehearsalRoot(id)
	mark := filepath.Join(filepath.Dir(root), reapedMark)
	reaped, err := os.Stat(mark)
	if dismantled := restore.Dismantle(ctx, a.Drivers, rehearsalMark(id), root); dismantled != nil {
		return dismantled
	}
	if err != nil {
		return os.WriteFile(mark, nil, 0o600)
	}
	if age := a.Now().Sub(reaped.ModTime()); age >= 0 && age < stragglers {
		return nil
	}
	return os.RemoveAll(filepath.Dir(root))
}

// forgotten is a cache that nothing is left of.
type forgotten struct {
	mu   sync.Mutex
	kept map[string][]byte // guarded by mu
}

func (f *forgotten) Load(id kind.ID, name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept[id.String()+"\x00"+name]
}

func (f *forgotten) Save(id kind.ID, name string, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept[id.String()+"\x00"+name] = slices.Clone(content)
	return nil
}
