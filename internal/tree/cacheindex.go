package tree

import "dogear/kind"

// CacheIndex keeps the stat index of an item's tree in a workspace's cache.
// Without a cache there is none.
func CacheIndex(cache kind.Cache, id kind.ID) Index {
	if cache == nil {
		return nil
	}
	return cacheIndex{cache: cache, id: id, name: "stat-index"}
}

// SeenIndex keeps what a search has seen likewise (see Search).
func SeenIndex(cache kind.Cache, id kind.ID) Index {
	if cache == nil {
		return nil
	}
	return cacheIndex{cache: cache, id: id, name: "seen"}
}

type cacheIndex struct {
	cache kind.Cache
	id    kind.ID
	name  string
}

func (i cacheIndex) Load() []byte { return i.cache.Load(i.id, i.name) }

func (i cacheIndex) Save(content []byte) error { return i.cache.Save(i.id, i.name, content) }
