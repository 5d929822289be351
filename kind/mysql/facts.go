package mysql

import (
	"context"
	"regexp"
	"strings"

	"dogear/kind"
)

// facts returns what is known about a database, or about a server beside its
// databases. What is read of tables goes to k, which may be nil.
func (v *view) facts(ctx context.Context, redact func(string) string, k keeper) ([]kind.Fact, error) {
	if v.database == "" {
		accounts, err := readServer(ctx, v.conns[0], v.link)
		if err != nil {
			return nil, err
		}
		return accounts.facts(redact), nil
	}
	facts := v.definitions.facts(redact)
	contents, err := v.contents(ctx, k)
	return append(facts, contents...), err
}

func (d *definitions) facts(redact func(string) string) []kind.Fact {
	facts := []kind.Fact{{Name: "database", Value: d.Options}}
	add := func(name, value string) { facts = append(facts, kind.Fact{Name: "schema " + name, Value: value}) }
	for _, s := range d.Sequences {
		add("sequence "+s.Name, s.Create)
		facts = append(facts, kind.Fact{Name: "sequence " + s.Name, Value: "next value " + s.Next + ", round " + s.Round})
	}
	for _, t := range d.Tables {
		t.describe(add, redact)
	}
	for _, p := range d.Programs {
		add(p.Type+" "+p.Name, p.describe())
	}
	return facts
}

// itemName finds the name at the start of a column or after the kind of a key.
var itemName = regexp.MustCompile("^(?:([A-Z][A-Z ]*) )?`((?:[^`]|``)*)`")

// describe adds a statement about each column and key of a table. The order
// of columns is part of what the table is.
func (t *table) describe(add func(name, value string), redact func(string) string) {
	items, options, _ := t.split()
	var columns []string
	for _, item := range items {
		found := itemName.FindStringSubmatch(item)
		unquoted := ""
		if found != nil {
			unquoted = strings.ReplaceAll(found[2], "``", "`")
		}
		switch {
		case found == nil: // PRIMARY KEY (…), PERIOD FOR …
			word, _, _ := strings.Cut(item, " (")
			add("key "+t.Name+"."+word, item)
		case found[1] == "":
			columns = append(columns, unquoted)
			add("column "+t.Name+"."+unquoted, item)
		case found[1] == "CONSTRAINT":
			add("constraint "+t.Name+"."+unquoted, item)
		default:
			add("key "+t.Name+"."+unquoted, item)
		}
	}
	if strings.Contains(options, "CONNECTION=") { // with a password, often
		options = redact(options)
	}
	add("table "+t.Name, options+"; columns "+strings.Join(columns, ", "))
}

func (p program) describe() string {
	pairs := []string{}
	for _, pair := range [][2]string{{"on", p.On}, {"sql_mode", p.Mode}, {"time_zone", p.Zone}, {"client", p.Client}, {"collation", p.Collation}} {
		if pair[1] != "" {
			pairs = append(pairs, pair[0]+" "+pair[1])
		}
	}
	return strings.ReplaceAll(p.Create, triggerTable, name(p.On)) + "; " + strings.Join(pairs, ", ")
}
