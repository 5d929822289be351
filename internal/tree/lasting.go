package tree

import (
	"context"
	"fmt"
	"slices"

	"dogear/kind"
)

// A lasting file that was touched since it was read has the content that it
// had. The stat index keeps what was known of it when it was read: a comparison
// looks into the file all the same.

// rememberLasting keeps what is known of a lasting file that has to be looked
// at again.
func (p *pass) rememberLasting(r *record, n *node) {
	if p.sink == nil || !r.lasts(&n.stamp) || r.Unread || r.Unstable || r.spilled != nil || r.isPaged() || !kind.MatchAny(p.opts.Lasting, n.path) {
		return
	}
	if r.kept != nil {
		r = r.kept
	}
	known := *r
	if p.lasting == nil {
		p.lasting = make(map[string]*record)
	}
	p.lasting[n.path] = &known
}

// lasts reports whether a record is of the very file that a stamp is of.
func (r *record) lasts(s *stamp) bool {
	return r.Type == Regular && len(r.Holes) == 0 && r.stamp.inode() == s.inode() && r.stamp.size == s.size && s.kind() == Regular
}

// confirmLasting forgets the files of which the sink lacks a chunk.
func (p *pass) confirmLasting(ctx context.Context) error {
	for path, r := range p.lasting {
		for ids := range slices.Chunk(r.Chunks, askAtOnce) {
			known, err := p.sink.Known(ctx, ids)
			if err != nil {
				return fmt.Errorf("ask for chunks: %w", err)
			}
			if slices.Contains(known, false) {
				delete(p.lasting, path)
				break
			}
		}
	}
	return nil
}

// keep takes over the content of a lasting file, and reports whether it could.
func (r *reader) keep(rec *record) bool {
	known := r.lasting[rec.Path]
	if known == nil || !known.lasts(&rec.stamp) || len(rec.Holes) > 0 {
		return false
	}
	rec.Chunks, rec.Digest, rec.kept = known.Chunks, known.Digest, known
	return true
}
