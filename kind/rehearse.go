package kind

import (
	"context"
	"strings"
)

// Rehearser is a Driver whose parts can be restored a second time, beside the
// live items: under other names, and such that what runs reaches nothing but
// what is rehearsed with it. What of a part has its bytes in directories of
// this host is relocated (see Relocator).
type Rehearser interface {
	// Rehearse returns the part as it has to be for that. What it needs is
	// renamed by the engine.
	Rehearse(ctx context.Context, part Part, source Source, sink Sink, in Rehearsal) (Relocated, error)
	// Dismantle removes all that bears the mark of a rehearsal, also if it
	// runs, and also half of it.
	Dismantle(ctx context.Context, mark string) error
}

// LabelRehearsal is the label that bears the mark, where there are labels.
const LabelRehearsal = "dogear.rehearsal"

// Rehearsal is where a rehearsal takes place.
type Rehearsal struct {
	// Mark is what the names of a rehearsal begin with, and those of nothing
	// else.
	Mark string
	// From and To are the roots of the workspace and of its copy.
	From, To string
}

// Name returns the name that something has in the rehearsal.
func (r Rehearsal) Name(name string) string { return r.Mark + name }

// Path returns where a path of the workspace is in the copy; another path is
// returned as it is, with false.
func (r Rehearsal) Path(path string) (string, bool) {
	if path != r.From && !strings.HasPrefix(path, r.From+"/") {
		return path, false
	}
	return r.To + strings.TrimPrefix(path, r.From), true
}

// Back turns the names and paths of the rehearsal in a text into those of the
// workspace.
func (r Rehearsal) Back(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, r.To, r.From), r.Mark, "")
}
