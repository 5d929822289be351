package sqlite

import (
	"encoding/json"
	"fmt"
	"time"

	"dogear/kind"
)

// factCache keeps the facts of one state of a database's files, and where it is
// stored, so that an unchanged database is not read again.
type factCache struct {
	cache kind.Cache
	id    kind.ID
}

const (
	factCacheName    = "facts"
	factCacheVersion = 3
	// What is kept for days leaves room for the clocks of file servers.
	cacheTick = 2 * time.Second
)

type cachedFacts struct {
	Version int
	Stamp   string
	Facts   statements
	Dump    *kind.Object // nil if it was not stored
}

func (f factCache) load(s stamp) (statements, *kind.Object, bool) {
	if f.cache == nil {
		return nil, nil, false
	}
	var cached cachedFacts
	if err := json.Unmarshal(f.cache.Load(f.id, factCacheName), &cached); err != nil {
		return nil, nil, false
	}
	if cached.Version != factCacheVersion || cached.Stamp != s.files {
		return nil, nil, false
	}
	return cached.Facts, cached.Dump, true
}

func (f factCache) save(s stamp, facts statements, dump *kind.Object) error {
	if f.cache == nil || !s.settled(time.Now(), cacheTick) {
		return nil
	}
	cached := cachedFacts{Version: factCacheVersion, Stamp: s.files, Facts: facts, Dump: dump}
	encoded, err := json.Marshal(cached)
	if err != nil {
		return fmt.Errorf("encode facts: %w", err)
	}
	return f.cache.Save(f.id, factCacheName, encoded)
}
