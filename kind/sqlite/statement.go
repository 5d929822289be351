package sqlite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"dogear/kind"
)

// statement is a fact, and the table with which it comes and goes, if any.
type statement struct {
	kind.Fact
	Table string
}

// written is a statement in JSON: names need not be text.
type written struct{ Name, Value, Table []byte }

// MarshalJSON writes bytes.
func (s statement) MarshalJSON() ([]byte, error) {
	return json.Marshal(written{[]byte(s.Name), []byte(s.Value), []byte(s.Table)})
}

// UnmarshalJSON is the reverse of MarshalJSON.
func (s *statement) UnmarshalJSON(text []byte) error {
	var w written
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*s = statement{Fact: kind.Fact{Name: string(w.Name), Value: string(w.Value)}, Table: string(w.Table)}
	return nil
}

// statements are all that is said of a database.
type statements []statement

// facts returns what is said.
func (all statements) facts() []kind.Fact {
	facts := make([]kind.Fact, len(all))
	for i, s := range all {
		facts[i] = s.Fact
	}
	return facts
}

// about returns what is said about some tables; about everything, if none are
// named.
func (all statements) about(tables []string) statements {
	if len(tables) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(s statement) bool { return s.Table == "" || !slices.Contains(tables, s.Table) })
}

// except returns what is neither about some tables nor about what SQLite keeps
// about them itself.
func (all statements) except(tables []string) statements {
	return slices.DeleteFunc(slices.Clone(all), func(s statement) bool {
		return strings.HasPrefix(s.Table, "sqlite_") || s.Table != "" && slices.Contains(tables, s.Table)
	})
}

// same reports whether the same is said, in whatever order.
func (all statements) same(other statements) bool { return all.digest() == other.digest() }

func (all statements) digest() string {
	facts := all.facts()
	kind.SortFacts(facts)
	h := sha256.New()
	for _, f := range facts {
		h.Write([]byte(f.Name + "\x00" + f.Value + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// tables lists the tables that there are.
func (all statements) tables() []string {
	var names []string
	for _, s := range all {
		if s.Name == "schema table "+s.Table {
			names = append(names, s.Table)
		}
	}
	slices.Sort(names)
	return names
}
