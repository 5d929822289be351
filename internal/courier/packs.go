package courier

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"dogear/kind"
	"dogear/store/chunk"
)

// packs are those that a sink writes where the host adopts them. A nil packs
// has nothing.
type packs struct {
	dir string

	mu     sync.Mutex
	packer *chunk.Packer // guarded by mu: what was put since the last finish; may be nil
}

func packName() string {
	var name [16]byte
	rand.Read(name[:])
	return hex.EncodeToString(name[:])
}

// current returns the packer, or nil unless one is to be made.
func (p *packs) current(make bool) *chunk.Packer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.packer == nil && make {
		p.packer = chunk.NewPacker(p.dir, packName)
	}
	return p.packer
}

func (p *packs) put(id kind.ChunkID, content []byte) error { return p.current(true).Put(id, content) }

// addKnown notes the chunks that were put, and that the host cannot know of.
func (p *packs) addKnown(ids []kind.ChunkID, known []bool) {
	if p == nil {
		return
	}
	if packer := p.current(false); packer != nil {
		for i, own := range packer.Has(ids) {
			known[i] = known[i] || own
		}
	}
}

// finish makes what was put durable, gives it to who owns the directory, and
// returns the names of the packs.
func (p *packs) finish() ([]string, error) {
	p.mu.Lock()
	packer := p.packer
	p.packer = nil
	p.mu.Unlock()
	if packer == nil {
		return nil, nil
	}
	finished, err := packer.Finish()
	var names []string
	for _, pack := range finished {
		names = append(names, pack.Name)
		if err == nil {
			err = p.give(pack.Name)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write packs: %w", err), packer.Abort())
	}
	return names, nil
}

// give makes a pack belong to whom the directory belongs to.
func (p *packs) give(name string) error {
	info, err := os.Stat(p.dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the system does not say who owns the directory")
	}
	return os.Lchown(chunk.Path(p.dir, name), int(owner.Uid), int(owner.Gid))
}

// remove removes a finished pack that the host does not get any more.
func (p *packs) remove(name string) error { return os.Remove(chunk.Path(p.dir, name)) }

// abort removes what was put and not finished.
func (p *packs) abort() error {
	if p == nil {
		return nil
	}
	if packer := p.current(false); packer != nil {
		return packer.Abort()
	}
	return nil
}
