package config_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/cmd/dogear/config"
)

func TestRetentionKeepsByDefaultWhatWasMadeByHand(t *testing.T) {
	c, err := config.Load(places(t, nil), nil, flags(t))
	require.NoError(t, err)
	require.Equal(t, api.Retention{SafetyMS: (14 * 24 * time.Hour).Milliseconds()}, c.Retention)
}

func TestRetentionOfTheWorkspaceGoesOverThatOfTheUser(t *testing.T) {
	p := places(t, nil)
	write(t, filepath.Join(p.User, "config.yaml"), "retention:\n  last: 3\n  daily: 7\n  safety: 2w\n")
	write(t, filepath.Join(p.Root, "dogear.yaml"), "retention:\n  last: 10\n  safety: 36h\n")
	c, err := config.Load(p, nil, flags(t))
	require.NoError(t, err)
	require.Equal(t, api.Retention{Last: 10, Daily: 7, SafetyMS: (36 * time.Hour).Milliseconds()}, c.Retention)
	write(t, filepath.Join(p.Root, "dogear.yaml"), "retention:\n  safety: 0\n")
	c, err = config.Load(p, nil, flags(t))
	require.NoError(t, err)
	require.Equal(t, api.Retention{Last: 3, Daily: 7}, c.Retention)
}
