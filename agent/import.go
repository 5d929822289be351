package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

// importDump takes a dump that another program has written as a snapshot of
// one part. Restoring it restores that part alone.
func (a *Agent) importDump(ctx context.Context, j *job, req api.ImportRequest) (api.CaptureResult, error) {
	d, err := a.take(ctx, j, req.Workspace)
	if err != nil {
		return api.CaptureResult{}, err
	}
	if err := checkDump(req.Path); err != nil {
		return api.CaptureResult{}, err
	}
	if err := a.nameIsFree(ctx, d, req.Name); err != nil {
		return api.CaptureResult{}, err
	}
	importer, item, err := a.importTarget(ctx, d, req.Item)
	if err != nil {
		return api.CaptureResult{}, err
	}
	s := snapshot.Snapshot{
		ID: a.NewID(), Reason: snapshot.ReasonImport, Note: req.Note, Name: req.Name, Author: author(j),
	}
	if s.Note == "" {
		s.Note = filepath.Base(req.Path)
	}
	s, err = a.importPart(ctx, d, importer, item, req.Path, s)
	if err == nil {
		err = a.log(ctx, d.Workspace, j, captureEvent(snapshot.OpImport, s, nil))
	}
	return api.CaptureResult{Snapshot: head(s), Contents: contents(s)}, err
}

func (a *Agent) importPart(ctx context.Context, d desk, importer kind.Importer, item kind.Item, path string, s snapshot.Snapshot) (_ snapshot.Snapshot, err error) {
	session, err := a.store.Begin(ctx)
	if err != nil {
		return s, fmt.Errorf("begin: %w", err)
	}
	defer func() { err = errors.Join(err, session.Abort()) }()
	sink := session.Sink()
	start := a.Now()
	part, err := importer.Import(ctx, d.kind, item, path, sink)
	if err != nil {
		return s, fmt.Errorf("%s: import %s: %w", item.ID, path, err)
	}
	taken, err := snapshot.OfPart(ctx, sink, item, part)
	if err != nil {
		return s, err
	}
	taken.Workspace, taken.Created, taken.Instant = d.Workspace, start, start
	taken.ID, taken.Reason, taken.Note, taken.Name, taken.Author = s.ID, s.Reason, s.Note, s.Name, s.Author
	taken.Bytes.Added = session.Added()
	taken.Timings.TotalMS = a.Now().Sub(start).Milliseconds()
	if err := session.Commit(ctx, taken); err != nil {
		return s, fmt.Errorf("commit: %w", err)
	}
	return taken, nil
}

// importTarget finds what a dump is to be: an item, or one that a server that
// was found may have.
func (a *Agent) importTarget(ctx context.Context, d desk, text string) (kind.Importer, kind.Item, error) {
	id, err := kind.ParseID(text)
	if err != nil {
		return nil, kind.Item{}, badSelector(err.Error(), "name it like postgres/db/shop; dogear init lists what there is")
	}
	importer, ok := snapshot.ByKind(a.Drivers)[id.Kind].(kind.Importer)
	if !ok {
		return nil, kind.Item{}, badSelector(fmt.Sprintf("dumps cannot be imported as %s", id.Kind), "they can be as "+strings.Join(importers(a.Drivers), ", "))
	}
	items, err := snapshot.Find(ctx, a.Drivers, d.kind)
	if err != nil {
		return nil, kind.Item{}, err
	}
	for _, wanted := range []kind.ID{id, importer.Parent(id)} {
		i := slices.IndexFunc(items, func(it kind.Item) bool { return it.ID == wanted })
		if i >= 0 {
			item := items[i]
			item.ID = id
			return importer, item, nil
		}
	}
	return nil, kind.Item{}, badSelector(fmt.Sprintf("the workspace has neither %s nor a server that could have it", id), "dogear init lists what there is; a server has to run to take a dump")
}

func importers(drivers []kind.Driver) []string {
	var names []string
	for _, d := range drivers {
		if _, ok := d.(kind.Importer); ok {
			names = append(names, d.Kind())
		}
	}
	return names
}

// checkDump refuses early what can be no dump. Some are directories: what is in
// them is for drivers to judge.
func checkDump(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return badSelector(fmt.Sprintf("the dump cannot be read: %v", err), "name a file")
	case !info.Mode().IsRegular() && !info.IsDir():
		return badSelector(path+" is neither a file nor a directory", "name a dump")
	}
	return nil
}
