package kind

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ID names an item or the part captured from it. It is written "kind/name":
// git/., volume/shop_pgdata, postgres/db/shop. The name may hold slashes,
// the kind may not.
type ID struct {
	Kind string
	Name string
}

// IsZero reports whether the id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// String returns "kind/name", or "" for the zero ID.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return id.Kind + "/" + id.Name
}

// Compare orders ids by kind, then by name.
func (id ID) Compare(other ID) int {
	if c := strings.Compare(id.Kind, other.Kind); c != 0 {
		return c
	}
	return CompareNames(id.Name, other.Name)
}

// MarshalText makes an ID a plain string in JSON, also as a map key.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID reads "kind/name".
func ParseID(s string) (ID, error) {
	k, name, ok := strings.Cut(s, "/")
	if !ok || k == "" || name == "" {
		return ID{}, fmt.Errorf("%q does not name an item (want kind/name)", s)
	}
	return ID{Kind: k, Name: name}, nil
}

// Item is one thing of a kind, as Find saw it.
type Item struct {
	ID ID

	// Root is the absolute directory on this host whose tree belongs to the
	// item, or "" if it owns none here. Of two items whose roots lie within
	// each other the innermost owns a path.
	Root string

	// Apart says that the item lies outside the workspace and is only linked
	// with it. A snapshot that does not have it says nothing against it: it is
	// neither a difference nor removed.
	Apart bool

	// Needs lists what this item uses: it is restored and started after
	// them, and stopped before any of them is touched.
	Needs []ID

	// RunsIn is the container in which the server of this item runs, if any.
	// Such a container is frozen last and stopped last.
	RunsIn ID

	// Claims lists the paths in other items' trees for which this item
	// speaks (see Claim).
	Claims []Claim

	// Data is for the driver alone; no other package decodes it.
	Data json.RawMessage

	// Nested and Claimed are filled in by the engine once every driver has
	// found its items. Nested lists, relative to Root and slash-separated,
	// the directories inside Root that belong to other items. Claimed lists
	// the paths of this item's tree for which others speak.
	Nested  []string
	Claimed []Pattern
}

// Claim says that the claiming item speaks for some paths in a tree owned by
// another. The bytes travel with the tree, but in the state digest and in
// every comparison of running systems the claimant's facts stand for them. A
// claim without paths says only that the claimant holds some of the other's
// state, so that neither is restored without the other.
type Claim struct {
	On    ID
	Paths []Pattern
}

// Gap is something that a capture left out, and why.
type Gap struct {
	Part ID     `json:"part"`
	What string `json:"what"`
	Why  string `json:"why"`
}

// ErrGone is returned by Open and Inspect for an item that has ceased to
// exist since it was found.
var ErrGone = errors.New("it is no longer there")

// ErrNotRunning is returned by Inspect for an item that cannot be asked as
// its server is stopped. Such an item is not comparable, rather than
// different.
var ErrNotRunning = errors.New("its server is not running")
