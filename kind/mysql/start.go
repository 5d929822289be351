package mysql

import (
	"context"
	"errors"
	"strconv"

	"dogear/kind"
)

// Start puts back what a server has in memory only, and has lost if it was
// started again: the rows of MEMORY tables, variables that were set while it
// ran, and numbers that AUTO_INCREMENT has skipped.
func (d *Driver) Start(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source) error {
	m, err := readMeta(ctx, part, source)
	if err != nil || !m.Running {
		return err
	}
	if databaseOf(part.ID) == "" && !m.Memory {
		return nil
	}
	if err := d.await(ctx, ws, part); err != nil {
		return err
	}
	if databaseOf(part.ID) == "" {
		return d.putVariablesBack(ctx, ws, part, source)
	}
	var target definitions
	if err := read(ctx, part, source, definitionsObject, &target); err != nil {
		return err
	}
	if inMemory := target.inMemory(); len(inMemory) > 0 {
		if err := d.restore(ctx, ws, part, source, inMemory); err != nil {
			return err
		}
	}
	return d.putNumbersBack(ctx, ws, part.Item(), &target)
}

// inMemory lists the tables whose rows no file has.
func (d *definitions) inMemory() []string {
	var names []string
	for _, t := range d.Tables {
		if t.isMemory() && t.Sum != "" {
			names = append(names, t.Name)
		}
	}
	return names
}

// putNumbersBack sets where AUTO_INCREMENT goes on. A server that starts goes on
// after the last number in use: it has forgotten those that it had given out, or
// kept ready, and that are in no row.
func (d *Driver) putNumbersBack(ctx context.Context, ws *kind.Workspace, item kind.Item, target *definitions) error {
	if !target.counts() {
		return nil
	}
	_, l, err := d.reach(ctx, ws, item)
	if err != nil {
		return err
	}
	defer l.hangUp()
	live, err := begin(ctx, l, databaseOf(item.ID), unlocked)
	if errors.Is(err, kind.ErrGone) {
		return nil // the facts say so
	}
	if err != nil {
		return err
	}
	live.close() // its locks would be in the way
	conn, err := l.session(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	for _, t := range target.Tables {
		now := live.definitions.table(t.Name)
		if now == nil || t.next() <= now.next() {
			continue
		}
		statement := "ALTER TABLE " + name(live.database) + "." + name(t.Name) + " AUTO_INCREMENT = " + strconv.FormatUint(t.next(), 10)
		if _, err := conn.ExecContext(ctx, statement); err != nil && !isServerError(err) {
			return wrap("set the next number of table "+t.Name, err)
		} // what the server refuses the facts name
	}
	return nil
}

func (d *definitions) counts() bool {
	for _, t := range d.Tables {
		if t.next() > 0 {
			return true
		}
	}
	return false
}

// next is where AUTO_INCREMENT stands; 0 if the table has none.
func (t *table) next() uint64 {
	_, _, text := t.split()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
