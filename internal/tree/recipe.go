package tree

import (
	"dogear/internal/content"
	"dogear/kind"
)

// A file that is updated in place is paged if its size is between these. A
// smaller one is not worth it; of a larger one even the fingerprints would
// fill the memory (it can be all holes).
const (
	pagedFrom = 1 << 20
	pagedTo   = 256 << 30
)

const (
	pageSize      = content.PageSize
	blockSize     = content.BlockSize
	pagesPerBlock = blockSize / pageSize
)

// paged reports whether a file is captured page by page.
func (o *Options) paged(path string, size int64) bool {
	return size >= pagedFrom && size <= pagedTo && o.inPlace(path)
}

// inPlace reports whether a file is one that a database updates in place.
func (o *Options) inPlace(path string) bool {
	return kind.MatchAny(o.InPlace, path) || kind.MatchAny(databaseFiles(), path)
}

// databaseFiles are those that servers update in place, by the names that
// they give them. Nobody has to have found the server: it may run on the host,
// or be of a kind without a driver.
func databaseFiles() []kind.Pattern {
	return []kind.Pattern{
		"**/base/[0-9]*/[0-9]*", "**/pg_wal/[0-9A-F]*", // Postgres
		"**/*.ibd", "**/ibdata[0-9]*", "**/*.MYD", // MariaDB, MySQL
		"**/*.sqlite", "**/*.sqlite3", "**/*.db",
		"**/*.wt", // MongoDB
	}
}

// Recipe says which page of which chunk is which page of a paged file.
type Recipe struct {
	// Pages is the number of pages in each of the entry's chunks. The last
	// page of a chunk may be short.
	Pages []int64
	// Runs cover the file, in order.
	Runs []Run
}

// Run is a number of pages that follow one another in a file and in a chunk.
type Run struct {
	Chunk int32 // index into the entry's chunks, or one of those below
	First int64 // the first page within the chunk; 0 without one
	Pages int64
}

// maxChunkPages is the largest number of pages that a chunk has room for.
const maxChunkPages = 2048

// Instead of a chunk.
const (
	zeros    = -1 // pages of zeros
	unstored = -2 // pages whose content nobody keeps; never in a manifest
)

// pagesOf returns the number of pages of a file.
func pagesOf(size int64) int64 { return parts(size, pageSize) }

// blocksOf returns the number of blocks of a file.
func blocksOf(size int64) int64 { return parts(size, blockSize) }

// parts does not overflow, whatever a damaged manifest says.
func parts(size, of int64) int64 {
	n := size / of
	if size%of > 0 {
		n++
	}
	return n
}

// isWhole reports whether the recipe has a stored page for every page.
func (r *Recipe) isWhole() bool {
	for _, run := range r.Runs {
		if run.Chunk == unstored {
			return false
		}
	}
	return true
}

// used returns for each chunk how many of its pages the file still has.
func (r *Recipe) used() []int64 {
	used := make([]int64, len(r.Pages))
	for _, run := range r.Runs {
		if run.Chunk >= 0 {
			used[run.Chunk] += run.Pages
		}
	}
	return used
}

// recipeBuilder puts a recipe together, in the order of the file's pages.
// Chunks are listed in the order in which they are first used, but for those of
// inOrderOf.
type recipeBuilder struct {
	Recipe
	chunks []kind.ChunkID
	index  map[kind.ChunkID]int32
}

func newRecipeBuilder() *recipeBuilder {
	return &recipeBuilder{index: make(map[kind.ChunkID]int32)}
}

// without adds pages that are in no chunk.
func (b *recipeBuilder) without(what int32, pages int64) {
	b.add(Run{Chunk: what, Pages: pages})
}

// of adds pages of a chunk that has so many pages in all.
func (b *recipeBuilder) of(id kind.ChunkID, all, first, pages int64) {
	i, ok := b.index[id]
	if !ok {
		i = int32(len(b.chunks))
		b.index[id] = i
		b.chunks = append(b.chunks, id)
		b.Pages = append(b.Pages, all)
	}
	b.add(Run{Chunk: i, First: first, Pages: pages})
}

// inOrderOf lists the chunks of an older recipe first, in its order: the list
// is most of a recipe, and one that begins as it did is stored already.
func (b *recipeBuilder) inOrderOf(older []kind.ChunkID) {
	order := make([]kind.ChunkID, 0, len(b.chunks))
	placed := make(map[kind.ChunkID]int32, len(b.chunks))
	place := func(id kind.ChunkID) {
		if _, used := b.index[id]; !used {
			return
		}
		if _, done := placed[id]; !done {
			placed[id] = int32(len(order))
			order = append(order, id)
		}
	}
	for _, id := range older {
		place(id)
	}
	for _, id := range b.chunks {
		place(id)
	}
	pages := make([]int64, len(order))
	for i, id := range order {
		pages[i] = b.Pages[b.index[id]]
	}
	for i := range b.Runs {
		if run := &b.Runs[i]; run.Chunk >= 0 {
			run.Chunk = placed[b.chunks[run.Chunk]]
		}
	}
	b.chunks, b.index, b.Pages = order, placed, pages
}

func (b *recipeBuilder) add(run Run) {
	if run.Pages == 0 {
		return
	}
	if n := len(b.Runs); n > 0 && b.Runs[n-1].continues(run) {
		b.Runs[n-1].Pages += run.Pages
		return
	}
	b.Runs = append(b.Runs, run)
}

// continues reports whether next and r are one run.
func (r Run) continues(next Run) bool {
	return r.Chunk == next.Chunk && (r.Chunk < 0 || r.First+r.Pages == next.First)
}

// copyOf adds pages of another entry's recipe, which begin at the cursor.
func (b *recipeBuilder) copyOf(e *Entry, c *runCursor, pages int64) {
	for pages > 0 {
		run := c.take(pages)
		if run.Chunk < 0 {
			b.without(run.Chunk, run.Pages)
		} else {
			b.of(e.Chunks[run.Chunk], e.Recipe.Pages[run.Chunk], run.First, run.Pages)
		}
		pages -= run.Pages
	}
}

// runCursor walks over the pages of a recipe. Beyond the end nothing is
// stored.
type runCursor struct {
	runs []Run
	done int64 // pages of the first run
}

// left returns the rest of the run at the cursor.
func (c *runCursor) left() Run {
	if len(c.runs) == 0 {
		return Run{Chunk: unstored, Pages: 1 << 62}
	}
	run := c.runs[0]
	if run.Chunk >= 0 {
		run.First += c.done
	}
	run.Pages -= c.done
	return run
}

// take returns at most n pages of the run at the cursor, and moves behind
// them.
func (c *runCursor) take(n int64) Run {
	run := c.left()
	run.Pages = min(run.Pages, n)
	c.done += run.Pages
	if len(c.runs) > 0 && c.done == c.runs[0].Pages {
		c.runs, c.done = c.runs[1:], 0
	}
	return run
}

// skip moves over n pages.
func (c *runCursor) skip(n int64) {
	for n > 0 {
		n -= c.take(n).Pages
	}
}
