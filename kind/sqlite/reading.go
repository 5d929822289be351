package sqlite

import (
	"context"
	"errors"
	"io/fs"

	"dogear/kind"
)

// reading gets hold of one state of a database, as a private copy or from
// the cache, and tells what it holds.
type reading struct {
	unit  unit
	cache factCache

	known []kind.Fact // from the cache
	stamp stamp       // of the state that was got hold of
	copy  *copied     // nil if known
	// unreadable says why SQLite cannot read the copy.
	unreadable error
}

func newReading(ws *kind.Workspace, item kind.Item) *reading {
	return &reading{unit: unitAt(filePath(ws, item.ID)), cache: factCache{cache: ws.Cache, id: item.ID}}
}

func (r *reading) inspect(ctx context.Context) ([]kind.Fact, error) {
	if err := r.fix(ctx); err != nil {
		return nil, err
	}
	return r.facts(ctx)
}

// fix gets hold of the present state. If nothing has changed since the last
// time that costs a look.
func (r *reading) fix(ctx context.Context) error {
	now, err := r.unit.stamp()
	if errors.Is(err, fs.ErrNotExist) {
		return kind.ErrGone
	}
	if err != nil {
		return err
	}
	if now == r.stamp {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	if facts, ok := r.cache.load(now); ok {
		r.known, r.stamp = facts, now
		return nil
	}
	if r.copy, err = r.unit.copy(ctx); err != nil {
		return err
	}
	r.known, r.stamp = nil, r.copy.stamp
	return nil
}

// facts says what the fixed state holds.
func (r *reading) facts(ctx context.Context) (facts []kind.Fact, err error) {
	if r.copy == nil {
		return r.known, nil
	}
	facts, r.unreadable, err = r.copy.facts(ctx)
	if err != nil || r.unreadable != nil {
		return facts, err
	}
	return facts, r.cache.save(r.stamp, facts)
}

// close removes the copy.
func (r *reading) close() error {
	if r.copy == nil {
		return nil
	}
	err := r.copy.remove()
	r.copy, r.stamp = nil, stamp{}
	return err
}
