package snapshot

import (
	"iter"
	"strings"

	"dogear/kind"
)

// Diff compares two sorted streams of facts about one part and yields what
// differs, in order. It holds one fact of each stream at a time.
func Diff(part kind.ID, half Half, want, have kind.Facts) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		nextHave, stop := iter.Pull2(have)
		defer stop()
		h, herr, more := nextHave()
		report := func(name, wantValue, haveValue string) bool {
			return yield(difference(part, half, name, wantValue, haveValue), nil)
		}
		for w, werr := range want {
			if werr != nil {
				yield(Difference{}, werr)
				return
			}
			for more && herr == nil && kind.CompareNames(h.Name, w.Name) < 0 {
				if !report(h.Name, "", present(h.Value)) {
					return
				}
				h, herr, more = nextHave()
			}
			if herr != nil {
				yield(Difference{}, herr)
				return
			}
			if !more || h.Name != w.Name {
				if !report(w.Name, present(w.Value), "") {
					return
				}
				continue
			}
			if h.Value != w.Value && !report(w.Name, w.Value, h.Value) {
				return
			}
			h, herr, more = nextHave()
		}
		for ; more; h, herr, more = nextHave() {
			if herr != nil {
				yield(Difference{}, herr)
				return
			}
			if !report(h.Name, "", present(h.Value)) {
				return
			}
		}
	}
}

// present keeps a fact with an empty value apart from one that is not there.
func present(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

func difference(part kind.ID, half Half, name, want, have string) Difference {
	if want != "" && have != "" {
		want, have = kind.Contrast(want, have)
	}
	return Difference{
		Part: part, Fact: kind.Printable(name), Half: half,
		Want: harmless(want), Have: harmless(have),
	}
}

// harmless escapes a value only if showing it could do harm: values made of
// attributes are escaped already.
func harmless(value string) string {
	escaped := kind.Printable(value)
	if strings.ReplaceAll(value, `\`, `\\`) == escaped {
		return value
	}
	return escaped
}

// Changes compares two snapshots and lists what it takes to get from a to b:
// want is what a says, have what b says.
func Changes(a, b *Snapshot, read func(FactSet) kind.Facts) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		for _, pair := range pairs(a.Parts, b.Parts) {
			for d, err := range pair.changes(read) {
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

type pair struct{ a, b *Part }

func (p pair) changes(read func(FactSet) kind.Facts) iter.Seq2[Difference, error] {
	switch {
	case p.b == nil:
		return one(Missing(p.a.ID))
	case p.a == nil:
		return one(Extra(p.b.ID))
	case p.a.Facts.Digest == p.b.Facts.Digest:
		return func(func(Difference, error) bool) {}
	}
	return Diff(p.a.ID, Running, read(p.a.Facts), read(p.b.Facts))
}

func one(d Difference) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) { yield(d, nil) }
}

// ItemFact is the fact of a Difference that is about an item as a whole.
const ItemFact = "item"

// Missing is the difference of an item that should be there.
func Missing(id kind.ID) Difference {
	return Difference{Part: id, Fact: ItemFact, Want: "present", Half: Running}
}

// Extra is the difference of an item that should not be there.
func Extra(id kind.ID) Difference {
	return Difference{Part: id, Fact: ItemFact, Have: "present", Half: Running}
}

// pairs matches the parts of two snapshots, both sorted by id.
func pairs(as, bs []Part) []pair {
	var out []pair
	for len(as) > 0 || len(bs) > 0 {
		switch c := compareHeads(as, bs); {
		case c < 0:
			out, as = append(out, pair{a: &as[0]}), as[1:]
		case c > 0:
			out, bs = append(out, pair{b: &bs[0]}), bs[1:]
		default:
			out, as, bs = append(out, pair{a: &as[0], b: &bs[0]}), as[1:], bs[1:]
		}
	}
	return out
}

func compareHeads(as, bs []Part) int {
	switch {
	case len(bs) == 0:
		return -1
	case len(as) == 0:
		return 1
	}
	return as[0].ID.Compare(bs[0].ID)
}
