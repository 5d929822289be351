package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dogear/agent/api"
	"dogear/snapshot"
	"dogear/store"
)

// receipt returns the proof of a restore of the workspace.
func (a *Agent) receipt(ctx context.Context, j *job, req api.ReceiptRequest) (api.ReceiptResult, error) {
	d, err := a.view(ctx, j, req.Workspace)
	if err != nil {
		return api.ReceiptResult{}, err
	}
	events, err := a.store.Events(ctx, d.ID)
	if err != nil {
		return api.ReceiptResult{}, fmt.Errorf("read log: %w", err)
	}
	e, err := provenBy(events, strings.ToLower(req.Receipt))
	if err != nil {
		return api.ReceiptResult{}, err
	}
	receipt, err := a.store.Receipt(ctx, e.Receipt)
	if errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound) {
		return api.ReceiptResult{}, provesNothing(e, err)
	}
	if err != nil {
		return api.ReceiptResult{}, fmt.Errorf("read receipt: %w", err)
	}
	return api.ReceiptResult{Receipt: receipt, Proof: e.Proof, Event: e.Seq}, nil
}

// provesNothing is said of a receipt that is not what it was.
func provesNothing(e snapshot.Event, err error) error {
	return &api.Error{
		Code:    api.CodeDifferences,
		Message: fmt.Sprintf("the receipt of number %d in the log proves nothing any more: %v", e.Seq, err),
		State:   "the workspace is as it was",
		Hint:    "dogear check lists all of the store that was changed; dogear repair brings back what its catalog still has",
	}
}

// provenBy returns the event whose receipt is meant: the last one, or the only
// one that begins with prefix. events are newest first.
func provenBy(events []snapshot.Event, prefix string) (snapshot.Event, error) {
	var found []snapshot.Event
	for _, e := range events {
		if e.Receipt != "" && strings.HasPrefix(e.Receipt, prefix) {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 0 && prefix == "":
		return snapshot.Event{}, notFound("nothing was restored in this workspace, so there is no receipt")
	case len(found) == 0:
		return snapshot.Event{}, notFound(fmt.Sprintf("no receipt of this workspace begins with %q", prefix))
	case len(found) > 1 && prefix != "":
		return snapshot.Event{}, &api.Error{
			Code: api.CodeUsage, Message: fmt.Sprintf("%q is ambiguous: %d receipts begin with it", prefix, len(found)),
			State: "nothing has changed", Hint: "give more of the id",
		}
	}
	return found[0], nil
}
