package tree

import (
	"os"
	"slices"
	"strings"

	"dogear/kind"
)

// planner compares a live tree with a wanted one.
type planner struct {
	plan
	opts     Options
	live     []record
	want     []Entry
	shield   string // what is at or below this path is left alone
	shut     bool   // shield is set
	kept     map[string]bool
	links    linkTable
	chunks   map[kind.ChunkID]bool
	dirty    map[string]bool    // directories whose entries change
	differ   map[string]bool    // directories whose attributes differ
	standing map[string]*record // directories that are there and should be
	holds    map[string]bool    // directories in which files are patched
}

func makePlan(opts Options, live []record, want []Entry) *plan {
	p := &planner{
		opts: opts, live: live, want: want, links: newLinkTable(live, want),
		kept: make(map[string]bool), chunks: make(map[kind.ChunkID]bool),
		dirty: make(map[string]bool), differ: make(map[string]bool), standing: make(map[string]*record), holds: make(map[string]bool),
	}
	p.keep()
	p.merge()
	p.finish()
	return &p.plan
}

// merge walks both trees side by side.
func (p *planner) merge() {
	l, w := 0, 0
	for l < len(p.live) || w < len(p.want) {
		switch c := p.compare(l, w); {
		case c < 0:
			p.extra(&p.live[l])
			l++
		case c > 0:
			p.missing(&p.want[w])
			w++
		default:
			p.both(&p.live[l], &p.want[w])
			l++
			w++
		}
	}
}

func (p *planner) compare(l, w int) int {
	switch {
	case l == len(p.live):
		return 1
	case w == len(p.want):
		return -1
	}
	return kind.CompareNames(p.live[l].Path, p.want[w].Path)
}

// shielded reports whether path is to be left alone.
func (p *planner) shielded(path string) bool {
	if p.shut && (path == p.shield || strings.HasPrefix(path, p.shield+"/")) {
		return true
	}
	p.shut = false
	return false
}

func (p *planner) protect(path string) {
	p.shield, p.shut = path, true
}

// extra is for an entry that should not be there.
func (p *planner) extra(live *record) {
	switch {
	case p.shielded(live.Path) || p.kept[live.Path] || kind.MatchAny(p.opts.Additive, live.Path):
	case live.Type == Boundary:
		p.protect(live.Path)
	default:
		p.open(live)
		p.remove(live)
		p.changes.Removed++
		p.detail("remove", live.Path)
	}
}

// open notes a directory that has to be opened first.
func (p *planner) open(live *record) {
	if uid := os.Geteuid(); live.Type == Folder && live.Unread && uid != 0 && int(live.UID) == uid {
		p.closed = append(p.closed, action{live: live})
	}
}

func (p *planner) remove(live *record) {
	p.removals = append(p.removals, action{live: live})
	p.free(live)
	p.touch(live.Path)
}

// keep keeps the directories that hold what is to be left alone.
func (p *planner) keep() {
	above := func(path string) {
		for path != "" {
			path, _ = split(path)
			p.kept[path] = true
		}
	}
	for i := range p.live {
		if p.live[i].Type == Boundary {
			above(p.live[i].Path)
		}
	}
	for i := range p.want {
		if p.want[i].Type == Boundary || p.want[i].Unread {
			above(p.want[i].Path)
		}
	}
}

// missing is for an entry that should be there.
func (p *planner) missing(want *Entry) {
	if p.shielded(want.Path) {
		return
	}
	switch {
	case want.Type == Boundary:
		p.protect(want.Path)
	case want.Unread:
		p.protect(want.Path)
		p.gap(want.Path, "it could not be read when it was captured")
	default:
		p.create(action{want: want})
		p.changes.Created++
		p.detail("create", want.Path)
	}
}

// create makes an entry that is not there, or replaces one of another inode.
func (p *planner) create(a action) {
	p.touch(a.want.Path)
	switch {
	case a.want.Type == Folder:
		p.folders = append(p.folders, a)
		p.differ[a.want.Path] = true
	case a.want.Group != "":
		p.plan.links = append(p.plan.links, a)
	default:
		p.plan.files = append(p.plan.files, a)
		p.need(a.want.Chunks)
		p.changes.Bytes += dataSize(a.want)
		if a.live != nil {
			p.free(a.live)
		}
	}
}

// free counts what goes, unless it has another name.
func (p *planner) free(live *record) {
	if live.Type == Regular && !live.stamp.linked() {
		p.changes.Freed += dataSize(&live.Entry)
	}
}

// both is for an entry that is there and should be.
func (p *planner) both(live *record, want *Entry) {
	if want.Path != "" {
		p.changes.Standing++
	}
	if p.shielded(want.Path) {
		return
	}
	switch {
	case want.Type == Boundary || want.Unread:
		p.protect(want.Path)
	case live.Type == Boundary:
		p.protect(want.Path)
		p.gap(want.Path, "something else is mounted there now, or it belongs to another item")
	case live.Type == Folder && want.Type != Folder && p.kept[want.Path]:
		p.protect(want.Path)
		p.gap(want.Path, "a directory is there now that holds what belongs to others")
	case live.Type != want.Type:
		p.retype(live, want)
	case want.Type == Folder:
		p.standing[want.Path] = live
		p.open(live)
		if !p.sameMeta(&live.Entry, want) {
			p.differ[want.Path] = true
			p.changes.Meta++
			p.detail("set attributes of", want.Path)
		}
	default:
		p.leaf(action{want: want, live: live})
	}
}

// sameMeta is the function of that name, but for times that do not matter.
func (p *planner) sameMeta(live, want *Entry) bool {
	if !kind.MatchAny(p.opts.Timeless, want.Path) {
		return sameMeta(live, want)
	}
	touched := *want
	touched.Sec, touched.Nsec = live.Sec, live.Nsec
	return sameMeta(live, &touched)
}

// retype replaces an entry by one of another type.
func (p *planner) retype(live *record, want *Entry) {
	if live.Type == Folder || want.Type == Folder {
		p.remove(live)
	}
	p.create(action{want: want, live: live})
	p.changes.Rewritten++
	p.detail("replace", want.Path)
}

// leaf compares two entries of the same type that are no directories.
func (p *planner) leaf(a action) {
	switch p.links.judge(a) {
	case linkKept:
		return
	case linkNew:
		p.create(a)
		p.changes.Rewritten++
		p.detail("rewrite", a.path())
		return
	}
	switch {
	case sameContent(a.live, a.want) && p.sameMeta(&a.live.Entry, a.want):
	case sameContent(a.live, a.want):
		a.inPlace = true
		p.metas = append(p.metas, a)
		p.changes.Meta++
		p.detail("set attributes of", a.path())
	default:
		p.patch(a)
	}
}

func (p *planner) patch(a action) {
	a.patch, a.inPlace = true, true
	dir, _ := split(a.path())
	p.holds[dir] = true
	p.plan.files = append(p.plan.files, a)
	places := differing(&a.live.Entry, a.want)
	p.need(neededBy(a.want, places))
	p.changes.Pieces = append(p.changes.Pieces, piecesAt(a.want, places)...)
	p.changes.Bytes += min(pagesAt(places)*pageSize, a.want.Size)
	p.changes.Patched++
	p.detail("patch", a.path())
}

// touch notes that the directory of path changes.
func (p *planner) touch(path string) {
	if path != "" {
		dir, _ := split(path)
		p.dirty[dir] = true
	}
}

func (p *planner) need(ids []kind.ChunkID) {
	for _, id := range ids {
		if !p.chunks[id] {
			p.chunks[id] = true
			p.changes.Chunks = append(p.changes.Chunks, id)
		}
	}
}

func (p *planner) gap(path, why string) {
	p.changes.Gaps = append(p.changes.Gaps, kind.Gap{What: kind.Printable(orDot(path)), Why: why})
}

// detailLimit is the number of changes that are named.
const detailLimit = 20

func (p *planner) detail(verb, path string) {
	if len(p.changes.Details) < detailLimit {
		p.changes.Details = append(p.changes.Details, verb+" "+kind.Printable(orDot(path)))
	}
}

// finish puts the steps in their order.
func (p *planner) finish() {
	slices.Reverse(p.removals)
	for i := range p.want {
		e := &p.want[i]
		live := p.standing[e.Path]
		switch a := (action{want: e, live: live, inPlace: live != nil}); {
		case e.Type != Folder:
		case p.differ[e.Path] || p.dirty[e.Path] || live != nil && !p.changes.None() && !sameMeta(&live.Entry, e):
			p.dirs = append(p.dirs, a)
		case p.holds[e.Path]:
			p.patched = append(p.patched, a)
		}
	}
	slices.Reverse(p.dirs)
	for i := range p.live {
		if r := &p.live[i]; r.Type == Folder && p.dirty[r.Path] && r.Mode&0o700 != 0o700 {
			p.unlocks = append(p.unlocks, action{live: r})
		}
	}
}
