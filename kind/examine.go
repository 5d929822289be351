package kind

import "context"

// Examiner is a Driver that depends on something outside the workspace: a
// program, an engine.
type Examiner interface {
	Examine(ctx context.Context, ws *Workspace) Finding
}

// Finding says whether what a driver depends on is there, and which it is.
type Finding struct {
	// Missing says that no item of this kind can be reached. Find returns
	// none then, whether there are any or not.
	Missing bool
	// Detail is a line for people: a version and an address, or what is
	// missing. Hint is the way out.
	Detail string
	Hint   string
}
