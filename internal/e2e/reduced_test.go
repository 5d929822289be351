package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestReducedFidelity captures layers that only the engine can read as far as it
// hands them out: the part, the list of what was not captured, and receipts say
// so. They come back with containers that are made anew; nothing that exists is
// removed for it.
func TestReducedFidelity(t *testing.T) {
	t.Setenv("DOCKER_HOST", testbed.CopyingEngine(t))
	r := modern(t)
	testbed.Exec(t, "runs", "sh", "-c", "mkdir -p /new/dir; echo n > /new/dir/f; chown 5:6 /new/dir/f; chmod 2750 /new/dir; ln -s f /new/dir/link; touch -t 200101010101 /new/dir") // what changes is told by seconds
	saved := r.json(done, "save")
	require.Equal(t, "reduced", saved.fidelity("container/runs"))
	require.Empty(t, saved.fidelity("volume/things"))
	require.Subset(t, saved.notCaptured(), []string{"container/runs", "container/ended", "container/made"})
	require.Contains(t, r.dogear(done, "show", saved.Snapshot.ID), "fidelity: reduced")
	verified := r.json(done, "verify", saved.Snapshot.ID)
	require.True(t, verified.Identical)

	testbed.Exec(t, "runs", "sh", "-c", "echo other > /layer; rm /new/dir/f")
	require.Equal(t, []string{"container/runs /layer", "container/runs /new/dir", "container/runs /new/dir/f"}, r.json(differences, "verify", saved.Snapshot.ID).facts())
	id := testbed.Inspect(t, "runs", ".Id")
	reduced(t, r.json(done, "restore", saved.Snapshot.ID))
	require.Equal(t, id, testbed.Inspect(t, "runs", ".Id"))
	testbed.Exec(t, "runs", "touch", "/layer2")
	refused := r.json(failed, "restore", saved.Snapshot.ID).Error
	require.Contains(t, refused.Message, "/layer2")
	require.Equal(t, "running", testbed.Inspect(t, "runs", ".State.Status"))

	testbed.Docker(t, "rm", "--force", "runs", "ended", "made")
	reduced(t, r.json(done, "restore", saved.Snapshot.ID))
	require.Equal(t, "v l n 5:6 2750 f", testbed.Exec(t, "runs", "sh", "-c",
		"echo $(cat /v/f /layer /new/dir/f) $(stat -c %u:%g /new/dir/f) $(stat -c %a /new/dir) $(readlink /new/dir/link)"))
}

// reduced requires a receipt in which nothing differs, and that says of three
// containers that not everything could be compared.
func reduced(t *testing.T, r result) {
	t.Helper()
	require.True(t, r.Receipt.Identical, "%+v", r.Receipt.Differences)
	var parts []string
	for _, gap := range r.Receipt.NotComparable {
		parts = append(parts, gap.Part)
	}
	require.ElementsMatch(t, []string{"container/ended", "container/made", "container/runs"}, parts)
}
