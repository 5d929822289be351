package tree

// action is one thing to do to one entry.
type action struct {
	want *Entry  // nil: remove
	live *record // nil: there is none
	// patch says that only what differs is written, in place.
	patch bool
	// inPlace says that the live entry itself is changed, not replaced.
	inPlace bool
}

func (a action) path() string {
	if a.want != nil {
		return a.want.Path
	}
	return a.live.Path
}

// plan is all that turns a live tree into a wanted one. The steps are carried
// out in the order of the fields.
type plan struct {
	seen scanned // the live tree

	closed   []action // directories of ours that we may not list
	unlocks  []action // directories of ours that we may not write to
	stale    []string // temporary files that a killed run left
	removals []action // in reverse order: what is in a directory before it
	folders  []action // to be made
	files    []action // to be written, or made anew if they are no regular files
	links    []action // to be linked to the first of their group
	metas    []action // of entries that are no directories
	dirs     []action // whose attributes are set at last, as their entries are written

	holding *holding // of the files that are patched; nil: nobody wants to know

	patched []action // directories that need that too if a file in them is cloned, not patched

	changes Changes
}
