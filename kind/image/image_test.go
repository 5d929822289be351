package image_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/image"
	"dogear/kind/kindtest"
)

// ownImage makes an image that no other has layers of, and returns its
// reference and a function that makes it once more, different.
func ownImage(t *testing.T) (reference string, anew func(t *testing.T)) {
	t.Helper()
	testbed.Require(t, "docker")
	reference = testbed.Name("image") + ":v1"
	anew = func(t *testing.T) {
		t.Helper()
		name := testbed.Container(t, "busybox", nil, "sh", "-c", "head -c 100000 /dev/urandom > /bytes")
		testbed.Docker(t, "wait", name)
		testbed.Docker(t, "commit", "--change", "LABEL "+testbed.Label+"=1", name, reference)
	}
	anew(t)
	t.Cleanup(func() { testbed.Docker(t, "image", "rm", "--force", reference) })
	return reference, anew
}

func TestConforms(t *testing.T) {
	reference, anew := ownImage(t)
	engines := docker.NewConnector(docker.Options{})
	t.Cleanup(func() { require.NoError(t, engines.Close()) })
	kindtest.Run(t, kindtest.Harness{
		Driver:    image.New(engines),
		Workspace: kindtest.Workspace(t.TempDir()),
		Found:     []kind.Item{{ID: kind.ID{Kind: "container", Name: "c"}, Needs: []kind.ID{{Kind: "image", Name: reference}}}},
		Item:      kind.ID{Kind: "image", Name: reference},
		Mutations: []kindtest.Mutation{{
			Name: "reference means another image", Want: map[string]string{"id": "type"},
			Do: func(t *testing.T) {
				anew(t)
				other := testbed.Docker(t, "image", "inspect", "--format", "{{.Id}}", reference)
				t.Cleanup(func() { testbed.Docker(t, "image", "rm", "--force", other) })
			},
		}},
		Remove: func(t *testing.T) { testbed.Docker(t, "image", "rm", reference) },
	})
}
