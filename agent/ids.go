package agent

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"dogear/snapshot"
)

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
