package container_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/container"
)

// A workspace that never had a container can be used by who may not use the
// engine; who needs it is told the way.
func TestForbiddenEngineIsMissing(t *testing.T) {
	testbed.Forbidden(t, func() {
		driver := container.New(docker.NewConnector(docker.Options{}))
		items, err := driver.Find(t.Context(), &kind.Workspace{Root: "/nowhere"}, nil)
		require.NoError(t, err)
		require.Empty(t, items)
		finding := driver.Examine(t.Context(), &kind.Workspace{Root: "/nowhere"})
		require.True(t, finding.Missing)
		require.Contains(t, finding.Hint, "join the group")
	})
}
