package kind

import "sync/atomic"

// Traffic counts the content, in plain bytes, that went through a connection as
// who read or wrote it could not reach the store. It is safe for concurrent use.
// A nil Traffic counts nothing.
type Traffic struct{ captured, restored atomic.Int64 }

// Capture counts content on its way to the store.
func (t *Traffic) Capture(n int) {
	if t != nil {
		t.captured.Add(int64(n))
	}
}

// Restore counts content on its way from the store.
func (t *Traffic) Restore(n int) {
	if t != nil {
		t.restored.Add(int64(n))
	}
}

// Captured returns how much went to the store.
func (t *Traffic) Captured() int64 {
	if t == nil {
		return 0
	}
	return t.captured.Load()
}

// Restored returns how much came from the store.
func (t *Traffic) Restored() int64 {
	if t == nil {
		return 0
	}
	return t.restored.Load()
}
