package tree

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"dogear/kind"
)

// workers is how many goroutines read or write file content.
const workers = 2

// pass reads those nodes of a walk that are not as they were recorded.
type pass struct {
	root int
	opts Options
	sink kind.Sink // nil: nothing is stored
	now  func() time.Time
	read int64 // bytes of content, so far
	// bases are what is stored of paged files that have to be read.
	bases map[string]*record
	// lasting is what is known of lasting files that were touched.
	lasting map[string]*record
}

// run returns the records of nodes, taken from known (sorted) where they
// still hold.
func (p *pass) run(ctx context.Context, nodes []node, known []record) ([]record, error) {
	records, err := p.reuse(ctx, nodes, known)
	if err != nil {
		return nil, err
	}
	if err := p.readAll(ctx, nodes, records, p.missing(nodes, records)); err != nil {
		return nil, err
	}
	copyLinks(nodes, records)
	return slices.DeleteFunc(records, func(r record) bool { return r.Type == 0 }), nil
}

// reuse returns a record for each node, an empty one where none holds.
func (p *pass) reuse(ctx context.Context, nodes []node, known []record) ([]record, error) {
	clear(p.bases)
	clear(p.lasting)
	records := make([]record, len(nodes))
	k := 0
	for i := range nodes {
		n := &nodes[i]
		for k < len(known) && kind.CompareNames(known[k].Path, n.path) < 0 {
			k++
		}
		if k == len(known) || known[k].Path != n.path {
			continue
		}
		if r := &known[k]; r.holds(n) && r.isCut(p.opts) && (p.sink == nil || r.isWhole()) {
			records[i] = *r
		} else {
			p.remember(r.base(), n)
			p.rememberLasting(r, n)
		}
	}
	if p.sink == nil {
		return records, nil
	}
	if err := p.confirm(ctx, nodes, records); err != nil {
		return nil, err
	}
	if err := p.confirmLasting(ctx); err != nil {
		return nil, err
	}
	return records, p.confirmBases(ctx)
}

// isCut reports whether the chunks of a record are cut as the options say.
func (r *record) isCut(opts Options) bool {
	return r.Type != Regular || r.spilled != nil || r.isPaged() == opts.paged(r.Path, r.Size)
}

// askAtOnce is the number of chunks that the sink is asked for in one call.
const askAtOnce = 4096

// confirm asks the sink for the chunks of records that it has not seen, and
// empties those of which it lacks one.
func (p *pass) confirm(ctx context.Context, nodes []node, records []record) error {
	var ids []kind.ChunkID
	var asked []int // records that ids belong to
	flush := func() error {
		if len(asked) == 0 {
			return nil
		}
		known, err := p.sink.Known(ctx, ids)
		if err != nil {
			return fmt.Errorf("ask for chunks: %w", err)
		}
		for _, i := range asked {
			n := len(records[i].Chunks)
			if records[i].stored = !slices.Contains(known[:n], false); !records[i].stored {
				p.remember(records[i].without(known[:n]), &nodes[i])
				records[i] = record{}
			}
			known = known[n:]
		}
		ids, asked = ids[:0], asked[:0]
		return nil
	}
	for i := range records {
		if r := &records[i]; r.Type == Regular && !r.stored && r.spilled == nil {
			ids = append(ids, r.Chunks...)
			asked = append(asked, i)
		}
		if len(ids) >= askAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// missing returns the nodes without a record in the order in which they are
// to be read; of several links to a file only the first.
func (p *pass) missing(nodes []node, records []record) []int {
	linked := make(map[inode]bool)
	var todo []int
	for i := range nodes {
		if s := nodes[i].stamp; s.linked() {
			if linked[s.inode()] {
				records[i] = record{}
				continue
			}
			linked[s.inode()] = true
		}
		if records[i].Type == 0 {
			todo = append(todo, i)
		}
	}
	rank := func(i int) int { return firstRank(p.opts.First, nodes[i].path) }
	if len(p.opts.First) > 0 {
		slices.SortStableFunc(todo, func(a, b int) int { return rank(a) - rank(b) })
	}
	return todo
}

// firstRank returns the position of the pattern that selects path.
func firstRank(first []kind.Pattern, path string) int {
	for i, p := range first {
		if p.Match(path) {
			return i
		}
	}
	return len(first)
}

// readAll reads nodes[i] into records[i] for each i in todo: first, in order,
// what has to be first, the rest side by side. Records of what is gone stay
// empty.
func (p *pass) readAll(ctx context.Context, nodes []node, records []record, todo []int) error {
	ordered := 0
	for ordered < len(todo) && firstRank(p.opts.First, nodes[todo[ordered]].path) < len(p.opts.First) {
		ordered++
	}
	if err := p.readSome(ctx, nodes, records, [][]int{todo[:ordered]}, 1); err != nil {
		return err
	}
	return p.readSome(ctx, nodes, records, batches(nodes, todo[ordered:]), workers)
}

const (
	// large is the size of a file that takes a moment to read.
	large = 16 << 20
	// readAtOnce is how many other entries a reader takes at a time:
	// neighbours, so that the directories on the way to them are opened once.
	readAtOnce = 16
)

// batches shares work out: large files first and one by one, so that no reader
// is left alone with one at the end, then the rest.
func batches(nodes []node, todo []int) [][]int {
	isLarge := func(i int) bool { return nodes[i].typ == Regular && nodes[i].stamp.size >= large }
	var big [][]int
	var rest []int
	for _, i := range todo {
		if isLarge(i) {
			big = append(big, []int{i})
		} else {
			rest = append(rest, i)
		}
	}
	slices.SortStableFunc(big, func(a, b []int) int { return cmp.Compare(nodes[b[0]].stamp.size, nodes[a[0]].stamp.size) })
	return slices.AppendSeq(big, slices.Chunk(rest, readAtOnce))
}

func (p *pass) readSome(ctx context.Context, nodes []node, records []record, todo [][]int, workers int) error {
	if len(todo) == 0 {
		return ctx.Err()
	}
	readers := make([]*reader, workers)
	for w := range readers {
		readers[w] = newReader(p.root, p.opts, p.sink, p.now, p.bases)
		readers[w].lasting = p.lasting
	}
	next := make(chan []int)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(next)
		return feed(ctx, next, todo)
	})
	for _, r := range readers {
		group.Go(func() error { return r.records(ctx, nodes, records, next) })
	}
	err := group.Wait()
	for _, r := range readers {
		p.read += r.read
	}
	return err
}

// feed sends items until the context ends.
func feed[T any](ctx context.Context, next chan<- T, items []T) error {
	for _, item := range items {
		select {
		case next <- item:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// copyLinks gives the further links of a file what was read of its first.
func copyLinks(nodes []node, records []record) {
	firsts := make(map[inode]int)
	for i := range nodes {
		s := nodes[i].stamp
		if !s.linked() {
			continue
		}
		first, ok := firsts[s.inode()]
		if !ok {
			firsts[s.inode()] = i
			continue
		}
		if r := records[first]; r.Type != 0 && r.stamp.inode() == s.inode() {
			r.Path = nodes[i].path
			records[i] = r
		}
	}
}
