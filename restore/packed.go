package restore

import (
	"context"

	"dogear/kind"
)

// packed is a source that something is added to. It has packs if that source has.
type packed struct{ kind.Source }

var _ kind.Packed = packed{}

// Packs implements kind.Packed.
func (p packed) Packs() string {
	if source, ok := p.Source.(kind.Packed); ok {
		return source.Packs()
	}
	return ""
}

// PackOf implements kind.Packed.
func (p packed) PackOf(ctx context.Context, id kind.ChunkID) (string, error) {
	if source, ok := p.Source.(kind.Packed); ok {
		return source.PackOf(ctx, id)
	}
	return "", nil
}
