package sqlite

import (
	"context"

	"dogear/kind"
)

// notRead is the fact about a database that is too large to be looked into.
var notRead = kind.Fact{Name: "tables", Value: "not looked into: it is large, and compared byte by byte"}

// reading gets hold of one state of a database, as a private copy or from
// the cache, and tells what it holds.
type reading struct {
	home  home
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

func newReading(ws *kind.Workspace, item kind.Item, h home) *reading {
	return &reading{home: h, cache: factCache{cache: ws.Cache, id: item.ID}, large: len(item.Claims) == 0}
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
	now, err := r.home.stamp(ctx)
	if err != nil || now == r.stamp {
		return err
	}
	if err := r.close(); err != nil || r.knows(now) {
		return err
	}
	c, err := r.home.copy(ctx)
	if err != nil {
		return err
	}
	r.hold(c)
	return nil
}

// knows reports whether nothing has to be read of a state of the files.
func (r *reading) knows(now stamp) bool {
	r.size = now.size
	if r.large {
		r.known, r.stamp = statements{{Fact: notRead}}, now
		return true
	}
	facts, dump, ok := r.cache.load(now)
	if !ok || r.accept != nil && !r.accept(dump) {
		return false
	}
	r.known, r.dump, r.stamp = facts, dump, now
	return true
}

// hold has the copy be what is read.
func (r *reading) hold(c *copied) { r.copy, r.known, r.dump, r.stamp = c, nil, nil, c.stamp }

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
