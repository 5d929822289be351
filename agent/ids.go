package agent

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"dogear/snapshot"
)

// after returns ids that are higher than the last one there is, and than each
// other, also where the clock was set back: snapshots are in the order of their
// ids.
func after(last snapshot.ID, newID func() snapshot.ID) func() snapshot.ID {
	var mu sync.Mutex
	return func() snapshot.ID {
		mu.Lock()
		defer mu.Unlock()
		id := newID()
		if id <= last {
			if higher, err := ulid.ParseStrict(strings.ToUpper(string(last))); err == nil {
				id = next(higher)
			}
		}
		last = max(last, id)
		return id
	}
}

// next returns the id that follows one.
func next(id ulid.ULID) snapshot.ID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			break
		}
	}
	return snapshot.ID(strings.ToLower(id.String()))
}

// NewIDs returns a source of ids that sort by time, also within one
// millisecond.
func NewIDs(now func() time.Time) func() snapshot.ID {
	var mu sync.Mutex
	entropy := ulid.Monotonic(rand.Reader, 0)
	return func() snapshot.ID {
		mu.Lock()
		defer mu.Unlock()
		return snapshot.ID(strings.ToLower(ulid.MustNew(ulid.Timestamp(now()), entropy).String()))
	}
}
