package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"dogear/internal/rowproof"
	"dogear/internal/rowsum"
	"dogear/kind"
)

// readRate is the number of bytes of a database (as it measures itself) that
// are surely read in a second.
const readRate = 40 << 20

// patience is how many seconds the dump and the digests of one database may
// take unless the user wants them at any price.
const patience = 10

// cannotBeRead is the value of a table that this account may not read, or that
// somebody keeps for himself.
const cannotBeRead = "cannot be read"

// notDigested is the value of a table that is too large to be read each time.
const notDigested = "not digested: the database is too large"

// isSmall reports whether the database can be read as a whole in a time that
// nobody minds. It does not depend on options: what is compared must be the
// same each time.
func (v *view) isSmall() bool { return v.size <= patience*readRate }

// keeper stores the rows of tables.
type keeper interface {
	// wants reports whether the rows of a table are stored.
	wants(t *table) bool
	// keep stores what write writes. know is told what was stored.
	keep(ctx context.Context, t *table, write func(io.Writer) error) (kind.Object, error)
	// again stores what is in the store already, and reports whether it is.
	again(ctx context.Context, object kind.Object) (bool, error)
}

// contents returns a fact about the rows of each table. What is read goes to
// k, which may be nil.
func (v *view) contents(ctx context.Context, k keeper) ([]kind.Fact, error) {
	free := make(chan *sql.Conn, len(v.conns))
	for _, conn := range v.conns {
		free <- conn
	}
	var mu sync.Mutex
	var facts []kind.Fact
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(len(v.conns))
	for _, t := range v.definitions.Tables {
		if t.isElsewhere() {
			v.gap("rows of table "+t.Name, "they live elsewhere ("+t.Engine+")")
			continue
		}
		g.Go(func() error {
			conn := <-free
			defer func() { free <- conn }()
			value, err := v.tableValue(ctx, conn, t, k)
			if err != nil {
				return fmt.Errorf("read table %s: %w", t.Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			facts = append(facts, kind.Fact{Name: "table " + t.Name, Value: value})
			return nil
		})
	}
	err := g.Wait()
	for _, t := range v.definitions.Tables {
		if t.unreadable != "" {
			v.gap("rows of table "+t.Name, t.unreadable)
		}
	}
	return facts, err
}

// tableValue says how many rows a table has, and their digest.
func (v *view) tableValue(ctx context.Context, conn *sql.Conn, t *table, k keeper) (string, error) {
	if t.denied {
		return cannotBeRead, nil
	}
	wanted := k != nil && k.wants(t)
	if !wanted && !v.isSmall() && !v.deep {
		return notDigested, nil
	}
	sum, err := v.proven(ctx, t, k, wanted)
	if err == nil && sum == "" {
		sum, err = v.readTable(ctx, conn, t, k, wanted)
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case isServerError(err) && !isCutOff(err):
		t.unreadable = err.Error()
		return cannotBeRead, nil
	case err != nil:
		return "", err
	}
	t.unreadable = ""
	if _, _, next := t.split(); next != "" {
		sum += ", next " + next
	}
	t.Sum = sum
	if !v.isSmall() {
		return notDigested, nil
	}
	return sum, nil
}

// proven returns the digest that the table had when it was read before, if
// the server says that it has not changed since.
func (v *view) proven(ctx context.Context, t *table, k keeper, wanted bool) (string, error) {
	known, ok := v.proofs.Of(v.key(t))
	if !ok || !wanted {
		return known.Sum, nil
	}
	if known.Object == nil {
		return "", nil
	}
	there, err := k.again(ctx, *known.Object)
	if !there {
		known.Sum = ""
	}
	return known.Sum, err
}

func (v *view) readTable(ctx context.Context, conn *sql.Conn, t *table, k keeper, wanted bool) (string, error) {
	sum := &rowsum.Sum{}
	read := func(w io.Writer) error { return copyRows(ctx, conn, t.query(v.database), w) }
	if kept := v.kept[t.Name]; kept != nil {
		read = func(w io.Writer) error {
			_, err := w.Write(kept.text.Bytes())
			return err
		}
	}
	var object *kind.Object
	if wanted {
		stored, err := k.keep(ctx, t, func(w io.Writer) error { return read(io.MultiWriter(sum, w)) })
		if err != nil {
			return "", err
		}
		object = &stored
	} else if err := read(sum); err != nil {
		return "", err
	}
	v.note(t, rowproof.Rows{Sum: sum.String(), Object: object})
	return sum.String(), nil
}
