package catalog_test

import (
	"fmt"
	"os"
	"testing"

	"dogear/store/catalog"
	"dogear/store/chunk"

	"github.com/stretchr/testify/require"
)

// FuzzOpen overwrites a stretch of a catalog: it is refused, or can be used,
// and bbolt then finds nothing wrong with it.
func FuzzOpen(f *testing.F) {
	path := newPath(f)
	c, err := catalog.Open(path)
	require.NoError(f, err)
	for n := range 30 {
		contents := make([]string, 30)
		for i := range contents {
			contents[i] = fmt.Sprint(n, i)
		}
		require.NoError(f, c.Publish([]chunk.Pack{pack(n, contents...)}, snap(fmt.Sprintf("%03d", n), "w")))
	}
	require.NoError(f, c.Close())
	good, err := os.ReadFile(path)
	require.NoError(f, err)
	for page := 0; page < len(good)/4096; page++ {
		f.Add(uint32(page*4096+10), []byte{1, 0, 255}, uint32(0))
	}
	f.Add(uint32(0), []byte{}, uint32(5000))
	f.Fuzz(func(t *testing.T, at uint32, with []byte, cut uint32) {
		bad := append([]byte(nil), good...)
		copy(bad[int(at)%len(bad):], with)
		bad = bad[:len(bad)-int(cut)%len(bad)]
		path := newPath(t)
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		c, err := catalog.Open(path)
		if err != nil {
			return
		}
		require.NoError(t, c.Verify())
		require.NoError(t, c.Close())
		askEverything(path)
	})
}
