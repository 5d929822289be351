package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

// The objects of a part whose layer only the engine can read.
const (
	archiveObject = "archive" // what it handed out
	handedObject  = "handed out"
)

// lost is what such a layer loses.
const lost = "of the writable layer: sockets, holes, attributes but capabilities, times below a second, what an engine does not list"

// reduced captures a layer as its engine hands it out: that of a storage driver
// that keeps no directory for it.
type reduced struct {
	engine *docker.Engine
	spool  *os.File // without a name; nil until Take
	handed docker.HandedOut
}

// take reads the layer to where it can be put in the store from later.
func (r *reduced) take(ctx context.Context, c *docker.Container) (err error) {
	if r.spool, err = os.CreateTemp("", "dogear-layer-"); err != nil {
		return err
	}
	if err := os.Remove(r.spool.Name()); err != nil {
		return err
	}
	if r.handed, err = r.engine.HandOut(ctx, c, r.spool); err != nil {
		return fmt.Errorf("have the engine hand out the writable layer: %w", err)
	}
	_, err = r.spool.Seek(0, io.SeekStart)
	return err
}

// finish puts it in the store, and says that it is not all.
func (r *reduced) finish(ctx context.Context, ws *kind.Workspace, part *kind.Part, sink kind.Sink) (kind.Facts, error) {
	archive, err := content.Put(ctx, sink, archiveObject, r.spool)
	if err != nil {
		return nil, fmt.Errorf("store what the engine handed out: %w", err)
	}
	handed, err := content.PutJSON(ctx, sink, handedObject, r.handed)
	if err != nil {
		return nil, err
	}
	part.Objects = append(part.Objects, archive, handed)
	part.Read = archive.Size
	part.Fidelity, part.Lost = kind.Reduced, lost
	if removed := r.handed.Removed; len(removed) > 0 {
		part.Lost += fmt.Sprintf("; that %d files of the image were removed (%s)", len(removed), strings.Join(removed[:min(3, len(removed))], ", "))
	}
	part.Gaps = append(part.Gaps, kind.Gap{Part: part.ID, What: part.Lost, Why: "fidelity: reduced, as only the engine can read the layer, and it hands out no more"})
	return handedFacts(ws, part.Claimed, r.handed), nil
}

func (r *reduced) close() error {
	if r == nil || r.spool == nil {
		return nil
	}
	return r.spool.Close()
}

// handedFacts are the facts of such a layer, but for what others speak for.
func handedFacts(ws *kind.Workspace, claimed []kind.Pattern, handed docker.HandedOut) kind.Facts {
	skip := slices.Concat(docker.LayerVolatile(ws), claimed)
	var facts []kind.Fact
	for _, e := range handed.Entries {
		if !kind.MatchAny(skip, e.Path) && !isAncestor(e.Path, docker.LayerVolatile(ws)) {
			facts = append(facts, kind.Fact{Name: "/" + e.Path, Value: e.Describe})
		}
	}
	return kind.Stream(facts)
}

// restHanded returns what was captured of such a layer, as inspectHanded finds
// it in any workspace.
func restHanded(ctx context.Context, part kind.Part, source kind.Source) kind.Facts {
	object, ok := part.Object(handedObject)
	if !ok {
		return kind.Stream(nil)
	}
	var handed docker.HandedOut
	if err := content.GetJSON(ctx, source, object, &handed); err != nil {
		return kind.FailedFacts(err)
	}
	return handedFacts(&kind.Workspace{}, nil, handed)
}

// inspectHanded returns the facts of a live layer that only the engine can read.
func inspectHanded(ctx context.Context, ws *kind.Workspace, item kind.Item, engine *docker.Engine, live *description) kind.Facts {
	handed, err := engine.HandOut(ctx, live.Container, io.Discard)
	if err != nil {
		return kind.FailedFacts(fmt.Errorf("have the engine hand out the writable layer: %w", err))
	}
	return handedFacts(ws, item.Claimed, handed)
}

// restoreHanded gives the engine back what it handed out, if anything differs. It
// has no way to remove a file.
func restoreHanded(ctx context.Context, ws *kind.Workspace, engine *docker.Engine, live *description, part kind.Part, source kind.Source) error {
	differing, extra, err := compareHanded(ctx, ws, engine, live, part, source)
	if err != nil || len(differing) == 0 && len(extra) == 0 {
		return err
	}
	if live.State != Stopped {
		return errors.New("its writable layer differs, and cannot be corrected while it runs")
	}
	if len(extra) > 0 {
		return errors.New(cannotRemove(extra))
	}
	archive, ok := part.Object(archiveObject)
	if !ok {
		return errors.New("the part has no archive of its writable layer")
	}
	if err := engine.PutBack(ctx, live.Container, content.Open(ctx, source, archive)); err != nil {
		return fmt.Errorf("have the engine put the writable layer back: %w", err)
	}
	return nil
}

// compareHanded returns the paths that are missing or differ, and those that
// should not be there.
func compareHanded(ctx context.Context, ws *kind.Workspace, engine *docker.Engine, live *description, part kind.Part, source kind.Source) (differing, extra []string, err error) {
	object, ok := part.Object(handedObject)
	if !ok {
		return nil, nil, nil
	}
	var want docker.HandedOut
	if err := content.GetJSON(ctx, source, object, &want); err != nil {
		return nil, nil, err
	}
	have, err := engine.HandOut(ctx, live.Container, io.Discard)
	if err != nil {
		return nil, nil, fmt.Errorf("have the engine hand out the writable layer: %w", err)
	}
	is := make(map[string]string, len(have.Entries))
	for _, e := range have.Entries {
		is[e.Path] = e.Describe
	}
	for _, e := range want.Entries {
		if is[e.Path] != e.Describe {
			differing = append(differing, e.Path)
		}
		delete(is, e.Path)
	}
	volatile := docker.LayerVolatile(ws)
	for p := range is {
		if !isAncestor(p, volatile) && !kind.MatchAny(volatile, p) {
			extra = append(extra, p)
		}
	}
	slices.Sort(extra)
	return differing, extra, nil
}

func cannotRemove(extra []string) string {
	return fmt.Sprintf("files have come into its writable layer that this engine cannot be told to remove (/%s): remove them, or the container", strings.Join(extra[:min(3, len(extra))], ", /"))
}

// previewHanded says what restoreHanded would do.
func previewHanded(ctx context.Context, ws *kind.Workspace, engine *docker.Engine, live *description, part kind.Part, source kind.Source) (kind.Change, error) {
	differing, extra, err := compareHanded(ctx, ws, engine, live, part, source)
	if err != nil || len(differing) == 0 && len(extra) == 0 {
		return kind.Change{Action: kind.ActionNone}, err
	}
	change := kind.Change{Action: kind.ActionPatch, Chunks: objectChunks(part)}
	for _, p := range differing {
		change.Details = append(change.Details, "rewrite "+p)
	}
	if len(extra) > 0 {
		change.Conflicts = []string{cannotRemove(extra)}
	}
	return change, nil
}

var _ kind.Narrower = (*Driver)(nil)

// Narrow says of a part of reduced fidelity what of it cannot be compared.
func (*Driver) Narrow(_ context.Context, _ *kind.Workspace, part kind.Part, _ kind.Source) (*kind.Narrowed, error) {
	if part.Fidelity != kind.Reduced {
		return nil, nil
	}
	return &kind.Narrowed{
		Leaves: func(string) bool { return false },
		Gap:    kind.Gap{What: part.Lost, Why: "it was captured with reduced fidelity"},
	}, nil
}
