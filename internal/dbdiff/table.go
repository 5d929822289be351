package dbdiff

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"

	"dogear/kind"
)

// Table is a table of which there are two states.
type Table struct {
	// Fact is the name of the fact about its rows.
	Fact string
	// Noun is what a row is called; "": row.
	Noun string
	// Key are the columns that tell its rows apart, if there are any.
	Key []string
	// Handle names what stands before the columns of each line, and is no
	// content: a row id, by which rows are matched. "": nothing does.
	Handle string
	// Open are the columns whose values are shown to everybody.
	Open []string
}

// State is one state of a table.
type State struct {
	Columns []string
	// Rows is about how many rows it has.
	Rows int64
	// Lines returns its rows. It is called several times, unless it may be called
	// Once. That can be so of the second state.
	Lines func(ctx context.Context) io.ReadCloser
	Once  bool
}

// Written returns what write writes as a stream. Closing that ends the writer,
// and waits for it: the connection it reads from is free again.
func Written(write func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rows := bufio.NewWriterSize(w, 1<<18) // rows come one by one
		err := write(rows)
		if err == nil {
			err = rows.Flush()
		}
		w.CloseWithError(err)
	}()
	return written{r, ended}
}

type written struct {
	*io.PipeReader
	ended <-chan struct{}
}

// Close never fails.
func (w written) Close() error {
	_ = w.PipeReader.Close() // a pipe in memory
	<-w.ended
	return nil
}

// Rows explains how the rows of two states of a table differ.
func Rows(ctx context.Context, table Table, before, after State, how kind.Explaining) (kind.Explanation, error) {
	e := kind.Explanation{Fact: kind.Printable(table.Fact)}
	common := slices.DeleteFunc(slices.Clone(before.Columns), func(c string) bool { return !slices.Contains(after.Columns, c) })
	if len(common) == 0 && len(before.Columns)+len(after.Columns) > 0 {
		e.Summary = "its columns are others"
		return e, nil
	}
	if !containsAll(common, table.Key) {
		table.Key = nil
	}
	if after.Once && before.Rows > mostAtOnce {
		e.Summary = "too many to compare while it runs: save, and compare the two snapshots"
		return e, nil
	}
	if table.Noun == "" {
		table.Noun = "row"
	}
	c := &comparison{
		before: side{State: before, pick: picked(table, before.Columns, common)},
		after:  side{State: after, pick: picked(table, after.Columns, common)},
		form:   form{Table: table, columns: common, how: how},
		limits: defaults,
	}
	if err := c.run(ctx); err != nil {
		return e, err
	}
	c.describe(&e)
	e.Summary = strings.Join(append(columnChanges(before.Columns, after.Columns), e.Summary), "; ")
	return e, nil
}

func containsAll(list, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(list, w) })
}

// picked says which fields of a line are compared, in which order; nil: all, as
// they come.
func picked(table Table, columns, common []string) []int {
	if slices.Equal(columns, common) && table.Handle == "" {
		return nil
	}
	first := 0
	if table.Handle != "" {
		first = 1
	}
	fields := make([]int, len(common))
	for i, c := range common {
		fields[i] = first + slices.Index(columns, c)
	}
	return fields
}

func columnChanges(before, after []string) []string {
	var changes []string
	for _, c := range before {
		if !slices.Contains(after, c) {
			changes = append(changes, "without column "+kind.Printable(c))
		}
	}
	for _, c := range after {
		if !slices.Contains(before, c) {
			changes = append(changes, "with new column "+kind.Printable(c))
		}
	}
	return changes
}
