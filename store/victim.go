package store

import (
	"slices"

	"dogear/store/catalog"
	"dogear/store/chunk"
)

// A pack is rewritten once this share of it is garbage, in percent. At a half,
// no byte that is freed costs more than one that is written, and a store that
// is pruned is never more than twice as large as what is needed.
const rewriteFrom = 50

// look compares a pack with the catalog, and finds the garbage in it.
func (p *prune) look(pack catalog.Pack, listed int) (*victim, error) {
	index, size, err := p.openPack(pack.Name)
	if err != nil {
		return p.lookAtLost(pack, listed, err)
	}
	own, err := p.compareIndex(pack, index, size, listed)
	if err != nil {
		return nil, err
	}
	v := p.weigh(pack, own)
	v.chunks = len(index.Chunks)
	for _, f := range index.Frames {
		v.stored += int64(f.Stored)
	}
	return v, nil
}

// lookAtLost goes by the catalog alone, for a pack that is missing or does not
// describe itself any more. Only where a check has found the same is it
// certain that the catalog means this pack.
func (p *prune) lookAtLost(pack catalog.Pack, listed int, lost error) (*victim, error) {
	own, err := p.catalog.In(pack)
	if err != nil {
		return nil, err
	}
	unknown := func(e chunk.Entry) bool { return !p.damaged[pack.Name][e.ID] }
	if listed != int(pack.Chunks) || slices.ContainsFunc(own, unknown) {
		return nil, lost
	}
	v := p.weigh(pack, own)
	v.chunks, v.stored = len(own), pack.Size
	return v, nil
}

// victim is a pack from which is collected.
type victim struct {
	pack      catalog.Pack
	chunks    int           // in the pack
	keep      []chunk.Entry // needed, and in no other pack
	condemned []chunk.Entry // listed, and not needed
	live      int64         // stored bytes of keep
	stored    int64         // of all frames
	damaged   bool          // something in it is, and nothing of keep
}

// weigh finds out what of a pack's own chunks is needed.
func (p *prune) weigh(pack catalog.Pack, own []chunk.Entry) *victim {
	damaged := p.damaged[pack.Name]
	v := &victim{pack: pack, damaged: len(damaged) > 0}
	for _, e := range own {
		if !p.roots.needs(e.ID) {
			v.condemned = append(v.condemned, e)
			continue
		}
		v.keep = append(v.keep, e)
		v.damaged = v.damaged && !damaged[e.ID]
		if e.Plain > 0 {
			v.live += int64(e.Stored) * int64(e.Length) / int64(e.Plain)
		}
	}
	return v
}

// worthIt reports whether to collect from a pack. One in which nothing that is
// damaged is needed any more is rewritten however little that is.
func (v *victim) worthIt() bool {
	return len(v.keep) == 0 || v.damaged || v.live*100 <= v.stored*(100-rewriteFrom)
}

// again weighs a pack with what is needed by now.
func (p *prune) again(v *victim) *victim {
	now := p.weigh(v.pack, slices.Concat(v.keep, v.condemned))
	now.chunks, now.stored = v.chunks, v.stored
	return now
}
