package sqlite

import (
	"context"
	"errors"
	"io/fs"

	"dogear/kind"
)

// notRead is the fact about a database that is too large to be looked into.
var notRead = kind.Fact{Name: "tables", Value: "not looked into: it is large, and compared byte by byte"}

// reading gets hold of one state of a database, as a private copy or from
// the cache, and tells what it holds.
type reading struct {
	unit  unit
	cache factCache
	// accept says whether what is known without a copy will do; nil: it will.
	accept func(dump *kind.Object) bool

	known statements   // from the cache
	dump  *kind.Object // the database as it is stored, if it is
	stamp stamp        // of the state that was got hold of
	copy  *copied      // nil if known
	large bool         // it is not read
	size  int64
	// unreadable says why SQLite cannot read the copy.
	unreadable error
}

func newReading(ws *kind.Workspace, item kind.Item) *reading {
	return &reading{
		unit: unitAt(filePath(ws, item.ID)), cache: factCache{cache: ws.Cache, id: item.ID}, large: len(item.Claims) == 0,
	}
}

func (r *reading) inspect(ctx context.Context) (statements, error) {
	if err := r.fix(ctx); err != nil {
		return nil, err
	}
	facts, err := r.facts(ctx)
	if err != nil {
		return nil, err
	}
	return facts, r.remember(facts)
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
	r.size = now.size
	if r.large {
		r.known, r.stamp = statements{{Fact: notRead}}, now
		return nil
	}
	if facts, dump, ok := r.cache.load(now); ok && (r.accept == nil || r.accept(dump)) {
		r.known, r.dump, r.stamp = facts, dump, now
		return nil
	}
	if r.copy, err = r.unit.copy(ctx); err != nil {
		return err
	}
	r.known, r.dump, r.stamp = nil, nil, r.copy.stamp
	return nil
}

// facts says what the fixed state holds.
func (r *reading) facts(ctx context.Context) (facts statements, err error) {
	if r.copy == nil {
		return r.known, nil
	}
	facts, r.unreadable, err = r.copy.facts(ctx)
	return facts, err
}

// remember keeps what was read of the copy.
func (r *reading) remember(facts statements) error {
	if r.copy == nil || r.unreadable != nil {
		return nil
	}
	return r.cache.save(r.stamp, facts, r.dump)
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
