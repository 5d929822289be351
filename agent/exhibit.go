package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

// exhibit returns something to read that a part of a snapshot holds.
func (a *Agent) exhibit(ctx context.Context, j *job, req api.ExhibitRequest) (api.Exhibit, error) {
	d, err := a.open(ctx, req.Workspace)
	if err != nil {
		return api.Exhibit{}, err
	}
	s, err := a.resolve(ctx, j, d, orLatest(req.Snapshot))
	if err != nil {
		return api.Exhibit{}, err
	}
	defer a.store.Hold(s.ID)()
	at := strings.LastIndexByte(req.What, ':')
	if at < 0 {
		return api.Exhibit{}, badSelector(fmt.Sprintf("%q names nothing in an item", req.What), "name it as kind/name:what, as in container/web:log")
	}
	item, name := req.What[:at], req.What[at+1:]
	id, err := kind.ParseID(item)
	if err != nil {
		return api.Exhibit{}, badSelector(err.Error(), "name it as kind/name:what, as in container/web:log")
	}
	part, ok := s.Part(id)
	if !ok {
		return api.Exhibit{}, badSelector("snapshot "+string(s.ID)+" has no "+item, "dogear show "+string(s.ID)+" lists its parts")
	}
	driver, ok := snapshot.ByKind(a.Drivers)[id.Kind].(kind.Exhibitor)
	if !ok || !slices.Contains(driver.Exhibits(part.Part), name) {
		return api.Exhibit{}, badSelector(fmt.Sprintf("%s of snapshot %s has no %s to print", item, s.ID, name), "what can be printed is the log of a container")
	}
	content, err := driver.Exhibit(ctx, part.Part, a.store, name)
	if err != nil {
		return api.Exhibit{}, fmt.Errorf("%s: %w", req.What, err)
	}
	return api.Exhibit{Snapshot: s.ID, Part: id, Name: name, Content: content}, nil
}
