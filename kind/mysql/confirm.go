package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// series is what of a version decides how a server writes definitions: "10.11".
func series(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// translated says that the server is of another version than the one that was
// captured. It writes definitions in its own words: what those differ in is
// for the facts to name.
func (r *restoration) translated() bool { return series(r.version) != series(r.link.version) }

// definition is what creates the table, and nothing of its content.
func (t *table) definition() string { return nextRow.ReplaceAllString(t.Create, "") }

// requireStaged makes sure that the tables beside are defined as those that were
// captured. Their rows were compared when they were loaded.
func (r *restoration) requireStaged(ctx context.Context) error {
	if r.translated() {
		return nil
	}
	staged := &reader{conn: r.conn, database: r.newDatabase()}
	for _, t := range r.swapped {
		created, err := staged.show(ctx, "TABLE", t.Name)
		if err == nil && (&table{Create: created[1]}).definition() != t.definition() {
			err = errors.New("the server has made something else of it than was captured")
		}
		if err != nil {
			return fmt.Errorf("compare table %s: %w", t.Name, err)
		}
	}
	return nil
}

// confirm looks at the restored database once more. What clients have written
// since they see it is theirs: it is neither compared nor taken back, and the
// facts name it.
func (r *restoration) confirm(ctx context.Context) error {
	now, err := begin(ctx, r.link, r.database, unlocked)
	if err == nil {
		now.close()
		if wrong := r.wrong(now.definitions); len(wrong) > 0 {
			err = fmt.Errorf("it is not what was captured (%s)", strings.Join(wrong, ", "))
		}
	}
	return wrap("compare the restored database", err)
}

// wrong names what is not defined as it was captured.
func (r *restoration) wrong(now *definitions) []string {
	var found []string
	for _, t := range r.chosen() {
		live := now.table(t.Name)
		if live == nil || !r.translated() && live.definition() != t.definition() {
			found = append(found, "table "+t.Name)
		}
	}
	for _, t := range now.Tables {
		if r.chooses(t.Name) && r.target.table(t.Name) == nil {
			found = append(found, "table "+t.Name)
		}
	}
	if r.only == nil {
		found = append(found, r.wrongBesideTables(now)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (r *restoration) wrongBesideTables(now *definitions) []string {
	have, want := now.names(r.translated()), r.target.names(r.translated())
	var found []string
	for _, n := range slices.Concat(lacking(have, want), lacking(want, have)) {
		what, _, _ := strings.Cut(n, "\x00")
		found = append(found, what)
	}
	return found
}

// names lists what there is beside tables; with its definition, unless that
// would be in other words.
func (d *definitions) names(without bool) []string {
	all := []string{"its options\x00" + d.Options}
	for _, s := range d.Sequences {
		all = append(all, "sequence "+s.Name+"\x00"+s.Create)
	}
	for _, p := range d.Programs {
		all = append(all, p.Type+" "+p.Name+"\x00"+p.describe())
	}
	if without {
		all = all[1:]
		for i, n := range all {
			all[i], _, _ = strings.Cut(n, "\x00")
		}
	}
	return all
}
