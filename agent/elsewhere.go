package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"dogear/agent/api"
	"dogear/restore"
	"dogear/snapshot"
)

// elsewhere restores a snapshot in another directory. The workspace itself is
// not touched, so nothing is logged, and nothing can be undone.
func (a *Agent) elsewhere(ctx context.Context, j *job, d desk, b bringBack, to string) (api.RestoreResult, error) {
	dir, err := emptyPlace(d.Root, to)
	if err != nil {
		return api.RestoreResult{}, err
	}
	defer a.store.Hold(b.target.ID)()
	ws := *d.kind
	ws.Root, ws.Cache = dir, a.store.Cache(snapshot.WorkspaceAt(dir).ID)
	receipt, err := restore.Elsewhere{
		Drivers: a.Drivers, Workspace: &ws, Target: b.target, Select: b.only, Source: a.store,
		Now: a.Now, NewID: a.NewID, Progress: j.report,
	}.Run(ctx)
	switch {
	case errors.Is(err, restore.ErrOccupied):
		return api.RestoreResult{}, badPlace(err.Error())
	case errors.Is(err, restore.ErrNothing):
		return api.RestoreResult{}, badSelector(err.Error(), "dogear show "+string(b.target.ID)+" lists its parts; without --to they are restored in their place")
	case err != nil:
		return api.RestoreResult{}, err
	}
	return api.RestoreResult{
		Source: head(b.target), Target: receipt.Workspace, Copy: true, Receipt: &receipt, Timings: &receipt.Timings,
		Pulled: b.only.Pulled(&b.target),
	}, nil
}

// emptyPlace returns the directory for a copy, without links in its path.
func emptyPlace(root, to string) (string, error) {
	parent, err := filepath.EvalSymlinks(filepath.Dir(to))
	if err != nil {
		return "", badPlace("the directory for " + to + " cannot be opened: " + reason(err))
	}
	dir := filepath.Join(parent, filepath.Base(to))
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return "", badPlace(dir + ": it is there already, and no directory")
	case err == nil:
		if dir, err = filepath.EvalSymlinks(dir); err != nil {
			return "", err
		}
	default:
		if _, err := os.Lstat(dir); err == nil {
			return "", badPlace(dir + ": it is there already, a link that leads nowhere")
		}
	}
	if dir == root || snapshot.IsBelow(root, dir) || snapshot.IsBelow(dir, root) {
		return "", badPlace(dir + " and the workspace lie within each other")
	}
	return dir, nil
}

func badPlace(message string) error {
	return &api.Error{
		Code: api.CodeUsage, Message: message, State: "nothing has changed", Hint: "give --to a directory that is empty, or not there",
	}
}
