package agent

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/kind/files"
)

type configurable struct{ *files.Driver }

func (configurable) Options() []kind.Option {
	return []kind.Option{{Key: "depth"}, {Key: "deep", Values: []string{"true", "false"}}}
}

func TestOptionsThatNobodyLooksAtAreRefused(t *testing.T) {
	drivers := []kind.Driver{configurable{files.New()}}
	require.NoError(t, checkOptions(drivers, nil))
	require.NoError(t, checkOptions(drivers, map[string]string{"files.depth": "1"}))
	for _, name := range []string{"files.width", "git.depth"} {
		err := api.AsError(checkOptions(drivers, map[string]string{name: "1"}))
		require.Equal(t, api.CodeUsage, err.Code)
		require.Contains(t, err.Message, name)
		require.Contains(t, err.Hint, "files.depth")
	}
}

func TestValuesThatAnOptionDoesNotTakeAreRefused(t *testing.T) {
	drivers := []kind.Driver{configurable{files.New()}}
	require.NoError(t, checkOptions(drivers, map[string]string{"files.deep": "true"}))
	err := api.AsError(checkOptions(drivers, map[string]string{"files.deep": "yes"}))
	require.Equal(t, api.CodeUsage, err.Code)
	require.Contains(t, err.Hint, "true, false")
}
