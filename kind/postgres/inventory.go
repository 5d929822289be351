package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dogear/internal/content"
	"dogear/kind"
)

// Objects of a part. Rows are under the word and the name of their relation.
const (
	metaObject      = "meta"
	inventoryObject = "inventory"
	schemaObject    = "schema.sql"
	globalsObject   = "globals.sql"
)

// metaFormat is the version of what is private to the driver. Format 0 has no
// inventory: such a dump can be read, and not restored alone.
const metaFormat = 1

// meta is what the driver keeps about a part for itself.
type meta struct {
	Format   int    `json:"format"`
	Running  bool   `json:"running"`
	Standby  bool   `json:"standby,omitempty"`
	Version  string `json:"version,omitempty"`
	System   string `json:"system,omitempty"` // identifies the server's files, and copies of them
	Database string `json:"database,omitempty"`
	Size     int64  `json:"size,omitempty"`
	Dump     bool   `json:"dump,omitempty"`   // there is one that is whole
	Unread   bool   `json:"unread,omitempty"` // facts say nothing about some rows
	// Platform is where the server's files can be read, Image the id of the
	// image on which they were.
	Platform platform `json:"platform,omitzero"`
	Image    string   `json:"image,omitempty"`
}

// inventory is what a database consists of, apart from its rows.
type inventory struct {
	Relations []relation  `json:"relations"`
	Sequences []sequence  `json:"sequences"`
	Large     string      `json:"large,omitempty"` // sum of the large objects, if they were read
	Facts     [][2]string `json:"facts"`           // sorted
}

func (s *session) inventory(facts []kind.Fact) inventory {
	facts = slices.Clone(facts)
	kind.SortFacts(facts)
	inv := inventory{Relations: s.relations, Sequences: s.sequences, Large: s.large}
	for _, f := range facts {
		inv.Facts = append(inv.Facts, [2]string{f.Name, f.Value})
	}
	return inv
}

func (inv *inventory) relation(name string) *relation {
	for i := range inv.Relations {
		if inv.Relations[i].Name == name {
			return &inv.Relations[i]
		}
	}
	return nil
}

// named finds a relation by a name that people write: public.orders, orders,
// with quotes or without.
func (inv *inventory) named(name string) *relation {
	if r := inv.relation(name); r != nil {
		return r
	}
	for i, r := range inv.Relations {
		plain := unquoted(r.Name)
		if plain == name || plain == "public."+name || r.Name == "public."+name {
			return &inv.Relations[i]
		}
	}
	return nil
}

// unquoted removes quotes that quote_ident has set.
func unquoted(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(name, `""`, "\x00"), `"`, ""), "\x00", `"`)
}

func (inv *inventory) facts() map[string]string {
	facts := make(map[string]string, len(inv.Facts))
	for _, f := range inv.Facts {
		facts[f[0]] = f[1]
	}
	return facts
}

// exactly are the facts with the sums in them, also of a database that is too
// large for its facts to have them.
func (inv *inventory) exactly() map[string]string {
	facts := inv.facts()
	for _, r := range inv.Relations {
		if r.Sum != "" && facts[r.fact()] != "" {
			facts[r.fact()] = r.Sum
		}
	}
	if inv.Large != "" && facts[largeObjects] != "" {
		facts[largeObjects] = inv.Large
	}
	return facts
}

func readMeta(ctx context.Context, part kind.Part, source kind.Source) (meta, error) {
	var m meta
	return m, readObject(ctx, part, source, metaObject, &m)
}

func readInventory(ctx context.Context, part kind.Part, source kind.Source) (*inventory, error) {
	inv := &inventory{}
	return inv, readObject(ctx, part, source, inventoryObject, inv)
}

func readObject(ctx context.Context, part kind.Part, source kind.Source, name string, v any) error {
	object, ok := part.Object(name)
	if !ok {
		if name == metaObject {
			return errors.New("the part lacks its description")
		}
		return fmt.Errorf("the part lacks its %s", name)
	}
	return content.GetJSON(ctx, source, object, v)
}

// differing lists the names of facts that are not the same in both, sorted.
func differing(want, have map[string]string) []string {
	var names []string
	for name, value := range want {
		if other, ok := have[name]; !ok || other != value {
			names = append(names, name)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, kind.CompareNames)
	return names
}
