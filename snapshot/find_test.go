package snapshot_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/snapshot"
)

// looker notes what it may share with the drivers beside it.
type looker struct {
	actor
	shared []*kind.Shared
}

func (l *looker) Find(_ context.Context, ws *kind.Workspace, _ []kind.Item) ([]kind.Item, error) {
	l.shared = append(l.shared, ws.Shared)
	return nil, nil
}

// Drivers that look one after the other share what they work out, and the next
// Find begins anew (the Shared that Find makes).
func TestDriversShareWithinOneFind(t *testing.T) {
	first, second := &looker{}, &looker{}
	ws := &kind.Workspace{Root: t.TempDir()}
	for range 2 {
		_, err := snapshot.Find(t.Context(), []kind.Driver{first, second}, ws)
		require.NoError(t, err)
	}
	require.NotNil(t, first.shared[0])
	require.Same(t, first.shared[0], second.shared[0])
	require.NotSame(t, first.shared[0], first.shared[1])
	require.Nil(t, ws.Shared)
}
