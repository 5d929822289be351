package redis_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind/kindtest"
)

// An RDB from elsewhere becomes a part, gzipped or not, and is then what is
// loaded; settings and users stay those of the server. What expired since it was
// written is not brought back (Created). One that is damaged, cut off or
// something else is refused, and nothing is touched.
func TestDumpsOfOtherPrograms(t *testing.T) {
	r := newRig(t, "--save", "")
	r.do(everything + "\nset brief 1 px 600\nsave")
	path := filepath.Join(t.TempDir(), "dump.rdb")
	testbed.Docker(t, "cp", r.container+":/var/lib/redis/dump.rdb", path)
	testbed.Eventually(t, wait, "a key expires", func() bool { return r.do("select 3\nget brief") == "OK" })
	want := r.facts()
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err = w.Write(whole)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(path+".gz", zipped.Bytes(), 0o600))
	item := r.item()
	for _, file := range []string{path, path + ".gz"} {
		r.do("flushall\nfunction flush\nset later 1\nacl setuser new on >pw ~* +get")
		want["user new"] = r.facts()["user new"]
		part, err := r.driver.Import(t.Context(), r.ws, item, file, r.store)
		require.NoError(t, err, file)
		part.Needs, part.RunsIn, part.Claims = item.Needs, item.RunsIn, item.Claims
		have := kindtest.Collect(t, part.Facts)
		require.Contains(t, r.value(have, "db 3 string"), "count=3", "the one that has expired since is in the file")
		require.Equal(t, "1", r.do("get later"), "nothing was touched")
		require.NoError(t, r.driver.Restore(t.Context(), r.ws, part, r.store))
		require.Equal(t, want, r.facts())
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 4
	newer := append([]byte("REDIS0099"), whole[9:]...)
	before := r.facts()
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"cut":      {whole[:len(whole)-20], "RDB, after"},
		"short":    {whole[:4], "it is no RDB"},
		"flipped":  {flipped, "RDB, after"},
		"newer":    {newer, "RDB, after"},
		"aof":      {[]byte("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"), "it is no RDB"},
		"not gzip": {[]byte("\x1f\x8bxxxxxxxxxxxxxxxxxx"), "unpack it"},
		"cut gzip": {zipped.Bytes()[:zipped.Len()/2], "RDB, after"},
	} {
		bad := filepath.Join(t.TempDir(), "bad")
		require.NoError(t, os.WriteFile(bad, c.content, 0o600))
		_, err := r.driver.Import(t.Context(), r.ws, item, bad, r.store)
		require.ErrorContains(t, err, c.want, name)
	}
	require.Equal(t, before, r.facts())
}
