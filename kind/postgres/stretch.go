package postgres

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dogear/internal/rowsum"
)

// A large table is read in stretches of so many pages: several at once, and
// always cut at the same places, so that what has not changed is found again.
const stretchPages = 4096 // 32 MiB

// tidRanges is the oldest version that finds a range of pages without reading
// the whole table.
const tidRanges = 140000

// stretch is some pages of a relation. Together its stretches have each row
// once, as a row that a transaction sees is in one page.
type stretch struct {
	of       *relation
	nth      int
	from, to int64 // pages; to is 0 for the last stretch, which has no end
}

// measure asks for the sizes of large tables. Nobody can be in the way of that:
// they are locked.
func (s *session) measure(ctx context.Context, several bool) error {
	if !several || s.unlocked || s.version < tidRanges {
		return nil
	}
	var names []string
	var pages []int64
	err := s.conn.QueryRow(ctx, `
select coalesce(array_agg(name), '{}'), coalesce(array_agg(pages), '{}')
from (select format('%I.%I', n.nspname, c.relname) as name, pg_relation_size(c.oid) / current_setting('block_size')::bigint as pages
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and c.relam = 2 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema') t
where pages > $1::bigint`, stretchPages).Scan(&names, &pages)
	if err != nil {
		return fmt.Errorf("ask for sizes: %w", err)
	}
	large := make(map[string]int64, len(names))
	for i, name := range names {
		large[name] = pages[i]
	}
	for i := range s.relations {
		s.relations[i].pages = large[s.relations[i].Name]
	}
	return nil
}

// stretches cuts a relation; one that is not known to be large is one stretch.
func (r *relation) stretches() []stretch {
	all := []stretch{{of: r}}
	if len(r.Columns) == 0 {
		return all
	}
	for at := int64(stretchPages); at < r.pages; at += stretchPages {
		all[len(all)-1].to = at
		all = append(all, stretch{of: r, nth: len(all), from: at})
	}
	return all
}

// source is what COPY reads the stretch from.
func (t stretch) source() string {
	if t.from == 0 && t.to == 0 {
		return t.of.source()
	}
	where := fmt.Sprintf("ctid >= '(%d,0)'", t.from)
	if t.to > 0 {
		where += fmt.Sprintf(" and ctid < '(%d,0)'", t.to)
	}
	return "(select " + strings.Join(t.of.Columns, ", ") + " from only " + t.of.Name + " where " + where + ")"
}

// source is what COPY reads the relation from.
func (r *relation) source() string {
	if r.Word == "matview" {
		return "(select * from " + r.Name + ")"
	}
	return r.Name
}

// copyStretches reads stretches, several at once, and returns the sums of their
// relations.
func copyStretches(ctx context.Context, conns []*pgx.Conn, all []stretch, keep keepFunc) (*sums, error) {
	queue := make(chan stretch, len(all))
	for _, t := range all {
		queue <- t
	}
	close(queue)
	sums := &sums{of: make(map[*relation]*rowsum.Sum), without: make(map[*relation]bool)}
	g, ctx := errgroup.WithContext(ctx)
	for _, conn := range conns {
		g.Go(func() error {
			for t := range queue {
				err := sums.read(ctx, conn, t, keep)
				if isTooLong(err) {
					err = sums.leaveOut(ctx, conn, t.of)
				}
				if err != nil {
					return fmt.Errorf("read %s: %w", t.of.fact(), lockedOut(t.of.Name, err))
				}
			}
			return nil
		})
	}
	return sums, g.Wait()
}

// sums are of the rows of relations, as far as they have been read.
type sums struct {
	mu      sync.Mutex
	of      map[*relation]*rowsum.Sum // guarded by mu
	without map[*relation]bool        // cannot be read; guarded by mu
}

// note notes the sums, once all is read.
func (s *sums) note() {
	for r, sum := range s.of {
		r.Sum = sum.String()
	}
	for r := range s.without {
		r.Sum = tooLong
	}
}

func (s *sums) read(ctx context.Context, conn *pgx.Conn, t stretch, keep keepFunc) error {
	sum, err := copyStretch(ctx, conn, t, keep)
	if err != nil || sum == nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[t.of] == nil {
		s.of[t.of] = &rowsum.Sum{}
	}
	s.of[t.of].Add(sum)
	return nil
}

// copyStretch returns the sum of what it reads, and none of a view that was
// never filled.
func copyStretch(ctx context.Context, conn *pgx.Conn, t stretch, keep keepFunc) (*rowsum.Sum, error) {
	if !t.of.Populated {
		t.of.Sum = "not populated"
		return nil, nil
	}
	sum := &rowsum.Sum{}
	err := keep(piece{name: t.of.object(), nth: t.nth}, func(w io.Writer) error {
		return copyOut(ctx, conn, t.source(), io.MultiWriter(sum, w))
	})
	return sum, err
}

// copyRelation reads all of one relation, and notes its sum.
func copyRelation(ctx context.Context, conn *pgx.Conn, r *relation) error {
	sum, err := copyStretch(ctx, conn, stretch{of: r}, discard)
	if sum != nil {
		r.Sum = sum.String()
	}
	return err
}
