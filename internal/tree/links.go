package tree

// linkTable knows which names share a file, in the live tree and in the
// wanted one. A file that has further names is changed in place only if all
// of them are to change with it: the others may lie outside the tree, in a
// package manager's store for one.
type linkTable struct {
	groups map[string]string // wanted: path to the first path of its group
	names  map[inode][]string
	owner  map[inode]string // the wanted first path that keeps the file
}

func newLinkTable(live []record, want []Entry) linkTable {
	t := linkTable{groups: make(map[string]string), names: make(map[inode][]string), owner: make(map[inode]string)}
	linked := make(map[string]bool)
	for i := range live {
		if s := live[i].stamp; live[i].Type != Boundary && s.linked() {
			t.names[s.inode()] = append(t.names[s.inode()], live[i].Path)
			linked[live[i].Path] = true
		}
	}
	for i := range want {
		if g := want[i].Group; g != "" {
			t.groups[want[i].Path] = g
		} else if linked[want[i].Path] {
			t.groups[want[i].Path] = want[i].Path
		}
	}
	return t
}

type verdict int

const (
	linkNone verdict = iota // compare as any other entry
	linkKept                // a further link to a file that stays
	linkNew                 // has to become another file
)

// judge decides about an entry that is there and should be. It is called in
// the order of paths, so for the first of a group before the others.
func (t *linkTable) judge(a action) verdict {
	ino := a.live.stamp.inode()
	same := sameContent(a.live, a.want)
	if a.want.Group != "" {
		if a.live.stamp.linked() && t.owner[ino] == a.want.Group {
			return linkKept
		}
		return linkNew
	}
	if !same && !patchable(a.live, a.want) {
		return linkNew
	}
	if !a.live.stamp.linked() {
		return linkNone
	}
	if _, taken := t.owner[ino]; taken {
		return linkNew
	}
	if !sameMeta(&a.live.Entry, a.want) && !t.sole(a) {
		return linkNew
	}
	t.owner[ino] = a.want.Path
	return linkNone
}

// sole reports whether all names of a live file are wanted in one group.
func (t *linkTable) sole(a action) bool {
	names := t.names[a.live.stamp.inode()]
	if len(names) != int(a.live.stamp.nlink) {
		return false
	}
	for _, name := range names {
		if t.groups[name] != a.want.Path {
			return false
		}
	}
	return true
}
