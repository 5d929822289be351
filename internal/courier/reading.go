package courier

import (
	"context"
	"slices"
	"sync"

	"dogear/kind"
	"dogear/store/chunk"
)

// keptIndexes is how many packs are remembered to hold which chunks. What is
// restored lies in few packs at a time, in the order in which it was captured.
const keptIndexes = 32

// reading reads chunks out of packs of the host's that are mounted here. It is
// safe for concurrent use. A nil reading has nothing.
type reading struct {
	dir    string
	packOf func(context.Context, kind.ChunkID) (string, error)
	reader *chunk.Reader

	mu      sync.Mutex
	indexes []packIndex // guarded by mu: the last used first
	off     bool        // guarded by mu: something could not be read
}

// packIndex says where in a pack its chunks are.
type packIndex struct {
	pack string
	at   map[kind.ChunkID]chunk.Location
}

func newReading(dir string, packOf func(context.Context, kind.ChunkID) (string, error)) *reading {
	return &reading{dir: dir, packOf: packOf, reader: chunk.NewReader()}
}

// get returns a chunk, checked against its id, in buf if it is large enough. It
// returns false where the host has to be asked for it: also for what is missing
// or damaged, as the host knows what moved, and notes what is wrong.
func (r *reading) get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, bool) {
	if r == nil {
		return nil, false
	}
	pack, where, found := r.locate(ctx, id)
	if !found {
		return nil, false
	}
	content, err := r.reader.Chunk(ctx, chunk.Path(r.dir, pack), id, where, buf)
	return content, err == nil
}

// locate returns where a chunk is. The host is asked once for each pack: which
// other chunks are in it the pack says itself.
func (r *reading) locate(ctx context.Context, id kind.ChunkID) (pack string, where chunk.Location, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off {
		return "", chunk.Location{}, false
	}
	for i, index := range r.indexes {
		if where, found := index.at[id]; found {
			copy(r.indexes[1:], r.indexes[:i])
			r.indexes[0] = index
			return index.pack, where, true
		}
	}
	pack, err := r.packOf(ctx, id)
	if err != nil || pack == "" {
		return "", chunk.Location{}, false
	}
	index, err := r.open(pack)
	if err != nil {
		r.off = true
		return "", chunk.Location{}, false
	}
	where, found = index.at[id]
	return pack, where, found
}

// open remembers what is in a pack. The caller holds mu.
func (r *reading) open(pack string) (packIndex, error) {
	listed, _, err := chunk.OpenIndex(chunk.Path(r.dir, pack))
	if err != nil {
		return packIndex{}, err
	}
	index := packIndex{pack: pack, at: make(map[kind.ChunkID]chunk.Location, len(listed.Chunks))}
	for _, c := range listed.Chunks {
		index.at[c.ID] = c.Location
	}
	r.indexes = slices.Insert(r.indexes, 0, index)
	r.indexes = r.indexes[:min(len(r.indexes), keptIndexes)]
	return index, nil
}

func (r *reading) close() {
	if r != nil {
		r.reader.Close()
	}
}
