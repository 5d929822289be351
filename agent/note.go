package agent

import (
	"context"

	"dogear/agent/api"
	"dogear/snapshot"
)

// note changes what a person says about a snapshot.
func (a *Agent) note(ctx context.Context, j *job, req api.NoteRequest) (api.SnapshotDetail, error) {
	d, err := a.open(ctx, req.Workspace)
	if err != nil {
		return api.SnapshotDetail{}, err
	}
	s, err := a.resolve(ctx, j, d, req.Snapshot)
	if err != nil {
		return api.SnapshotDetail{}, err
	}
	if err := a.store.Annotate(ctx, s.ID, snapshot.Annotation{Note: req.Note, Pinned: req.Pinned}); err != nil {
		return api.SnapshotDetail{}, err
	}
	s.Annotate(snapshot.Annotation{Note: req.Note, Pinned: req.Pinned})
	return detail(s), a.log(ctx, d.Workspace, j, snapshot.Event{
		Operation: snapshot.OpNote, Snapshot: s.ID, Note: s.Note, Outcome: outcomeDone,
	})
}
