package chunk

import (
	"path/filepath"
	"sync"
)

// recentCount bounds the frames that are kept decompressed: shared frames are
// at most 1.5 MiB.
const recentCount = 12

// recentFrames keeps the plain content of the frames that were read last, so
// that reading the many small chunks of a frame decompresses it once.
type recentFrames struct {
	mu     sync.Mutex
	frames []recentFrame // the most recent first
}

// recentFrame is never changed. The pack's name, not its path, tells it from
// others: packs move when they are committed, and no two have the same name.
type recentFrame struct {
	pack   string
	offset int64
	plain  []byte
}

func (r *recentFrames) get(path string, offset int64) []byte {
	pack := filepath.Base(path)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, f := range r.frames {
		if f.offset == offset && f.pack == pack {
			copy(r.frames[1:], r.frames[:i])
			r.frames[0] = f
			return f.plain
		}
	}
	return nil
}

func (r *recentFrames) put(path string, offset int64, plain []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.frames) < recentCount {
		r.frames = append(r.frames, recentFrame{})
	}
	copy(r.frames[1:], r.frames)
	r.frames[0] = recentFrame{pack: filepath.Base(path), offset: offset, plain: plain}
}
