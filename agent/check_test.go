package agent

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
)

func TestCheckSaysHowFarItIs(t *testing.T) {
	r := newRig(t)
	c := NewConnector(r.options)
	var said []string
	client := api.NewClient(c.Dial, func(p api.Progress) { said = append(said, p.Stage) })
	_, err := r.save(t.Context(), client)
	require.NoError(t, err)
	said = nil
	result, err := client.Check(t.Context(), api.CheckRequest{ReadData: true})
	require.NoError(t, err)
	require.True(t, result.Whole)
	require.Len(t, said, result.Packs)
	require.Regexp(t, `^checking the store: 0 B of \d.* [KM]?i?B$`, said[0])
	client.Close()
	require.NoError(t, c.Close(context.Background()))
}

func TestEveryProblemHasAWayOut(t *testing.T) {
	for where, want := range map[string]string{
		"snapshot 01x":        "dogear rm 01x deletes this snapshot",
		"snapshots/01x.json":  "dogear rm 01x deletes this snapshot",
		"packs/0a.pack":       "from a copy of the store",
		"catalog.db":          "dogear repair",
		"receipts/01r.json":   "dogear repair",
		"deletions/01x.json":  "dogear repair",
		"snapshots/01x.other": "dogear repair",
	} {
		require.Contains(t, mend(where), want, where)
	}
}
