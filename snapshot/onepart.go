package snapshot

import (
	"context"

	"dogear/kind"
)

// OfPart makes a snapshot of one part that no capture has taken.
func OfPart(ctx context.Context, sink PartSink, item kind.Item, part kind.Part) (Snapshot, error) {
	stored, err := storePart(ctx, sink, "", item, part)
	if err != nil {
		return Snapshot{}, err
	}
	stored.Consistency = Transaction
	gaps := []kind.Gap{}
	for _, g := range part.Gaps {
		g.Part = item.ID
		gaps = append(gaps, g)
	}
	return Snapshot{
		Consistency: Transaction, NotCaptured: gaps, Parts: []Part{stored}, Bytes: Bytes{Read: part.Read},
		State: StateDigest(map[kind.ID]Digest{item.ID: stored.Facts.Digest}),
	}, nil
}
