package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dogear/kind"
	"dogear/snapshot"
)

// Strayed is an item with what neither the state before an interrupted restore
// has, nor the one that it was to bring back: somebody has worked on it since.
type Strayed struct {
	Part kind.ID
	// Names are some of what has been written.
	Names []string
}

// shownStrays is how many names are told of an item.
const shownStrays = 3

// FindStrayed looks through the items that an interrupted restore may have
// touched. Of what was only deleted since there is nothing to be lost.
func FindStrayed(ctx context.Context, drivers []kind.Driver, ws *kind.Workspace, j *Journal, before, target *snapshot.Snapshot, source kind.Source) ([]Strayed, error) {
	ws = ws.Look()
	items, err := snapshot.Find(ctx, drivers, ws)
	if err != nil {
		return nil, err
	}
	byKind := snapshot.ByKind(drivers)
	var all []Strayed
	for _, item := range items {
		driver, ok := byKind[item.ID.Kind].(kind.Resting)
		if !ok || !slices.Contains(j.Begun, item.ID) {
			continue
		}
		s := strays{driver: driver, ws: ws, item: item, source: source}
		names, err := s.find(ctx, before, target)
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", item.ID, err)
		}
		if len(names) > 0 {
			all = append(all, Strayed{Part: item.ID, Names: names[:min(len(names), shownStrays)]})
		}
	}
	return all, nil
}

// strays compares the bytes of one item.
type strays struct {
	driver kind.Resting
	ws     *kind.Workspace
	item   kind.Item
	source kind.Source
}

// find lists what is in neither of two snapshots.
func (s strays) find(ctx context.Context, before, target *snapshot.Snapshot) ([]string, error) {
	in, err := s.notIn(ctx, before)
	if err != nil || len(in) == 0 {
		return nil, err
	}
	also, err := s.notIn(ctx, target)
	return slices.DeleteFunc(in, func(name string) bool {
		_, found := slices.BinarySearchFunc(also, name, kind.CompareNames)
		return !found
	}), err
}

// notIn lists, sorted, what the live item has and a snapshot does not.
func (s strays) notIn(ctx context.Context, from *snapshot.Snapshot) ([]string, error) {
	var names []string
	want := kind.Stream(nil)
	if part, ok := from.Part(s.item.ID); ok {
		want = s.driver.Rest(ctx, part.Part, s.source)
	}
	have := s.driver.InspectRest(ctx, s.ws, s.item)
	for diff, err := range snapshot.Diff(s.item.ID, snapshot.AtRest, substance(want), substance(have)) {
		if errors.Is(err, kind.ErrGone) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if diff.Have != "" {
			names = append(names, diff.Fact)
		}
	}
	slices.SortFunc(names, kind.CompareNames)
	return names, nil
}

func substance(facts kind.Facts) kind.Facts {
	return func(yield func(kind.Fact, error) bool) {
		for f, err := range facts {
			f.Value = kind.Substance(f.Value)
			if !yield(f, err) {
				return
			}
		}
	}
}
