package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"dogear/internal/tree"
	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
)

// engineCommand makes this program the engine that is measured, in a process
// of its own.
const engineCommand = "engine"

// gcPercent is what the dogear binary sets.
const gcPercent = 50

// inPlace is what the Postgres driver claims of a data directory that matters
// for speed.
var inPlace = []kind.Pattern{"**/pgdata/base", "**/pgdata/global", "**/pgdata/pg_wal"}

func engine(ctx context.Context, args []string) (err error) {
	if len(args) != 3 {
		return errors.New("usage: engine save|restore STORE ROOT")
	}
	debug.SetGCPercent(gcPercent)
	stop, err := profile(args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	s, err := store.Open(args[1], store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	id := kind.ID{Kind: "files", Name: "."}
	work := snapshot.WorkspaceAt(args[2])
	opts := tree.Options{InPlace: inPlace, Index: tree.CacheIndex(s.Cache(work.ID), id)}
	switch args[0] {
	case "save":
		return engineSave(ctx, s, work, id, opts)
	case "restore":
		return engineRestore(ctx, s, work, id, opts)
	}
	return fmt.Errorf("no %s", args[0])
}

func engineSave(ctx context.Context, s *store.Store, work snapshot.Workspace, id kind.ID, opts tree.Options) error {
	session, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	sink := session.Sink()
	result, err := capture(ctx, tree.New(work.Root), opts, sink)
	if err != nil {
		return errors.Join(err, session.Abort())
	}
	reach, err := sink.PutReach(ctx, work.ID, id)
	if err != nil {
		return errors.Join(err, session.Abort())
	}
	now := time.Now().UTC()
	part := snapshot.Part{Part: kind.Part{ID: id, Objects: []kind.Object{result.Manifest}}, Reach: reach}
	return session.Commit(ctx, snapshot.Snapshot{
		ID: snapshot.ID(now.Format("20060102150405.000000000")), Reason: snapshot.ReasonSave, Workspace: work, Created: now,
		Parts: []snapshot.Part{part}, NotCaptured: []kind.Gap{},
	})
}

// capture goes through the phases of a save.
func capture(ctx context.Context, t tree.Tree, opts tree.Options, sink kind.Sink) (result tree.Result, err error) {
	c, err := t.Capture(ctx, opts, sink)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.Prepare(ctx); err != nil {
		return result, err
	}
	if err := c.Take(ctx); err != nil {
		return result, err
	}
	return c.Finish(ctx)
}

func engineRestore(ctx context.Context, s *store.Store, work snapshot.Workspace, id kind.ID, opts tree.Options) error {
	list, err := s.Snapshots(ctx, work.ID)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("nothing was saved")
	}
	part, _ := list[0].Part(id)
	manifest, ok := part.Object("tree")
	if !ok {
		return errors.New("the snapshot has no tree")
	}
	_, err = tree.New(work.Root).Apply(ctx, opts, manifest, s)
	return err
}
