package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/internal/testbed"
	"dogear/internal/tree"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/store/storetest"
)

// courierBinary builds what runs in the courier's container.
func courierBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "courier")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./testdata/courier")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

func engineWith(t *testing.T, options docker.Options) *docker.Engine {
	t.Helper()
	testbed.Require(t, "docker")
	engine, err := docker.Connect(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	return engine
}

// trees returns one volume as root sees it, and as the courier does.
func trees(t *testing.T, volume string) map[string]tree.Tree {
	t.Helper()
	testbed.Require(t, "root")
	both := make(map[string]tree.Tree)
	for name, options := range map[string]docker.Options{
		"root":    {},
		"courier": {AlwaysCourier: true, CourierBinary: courierBinary(t)},
	} {
		engine := engineWith(t, options)
		v, err := engine.Volume(t.Context(), volume)
		require.NoError(t, err)
		both[name], err = engine.Tree(t.Context(), v.Mountpoint)
		require.NoError(t, err)
	}
	return both
}

// TestCourierAndRootAreTheSame (D20, D21, D23): to the bit, devices and all; both
// run the same code. What is of other users, in directories closed to root, set
// to their groups or given capabilities, it fails on without the courier's own.
func TestCourierAndRootAreTheSame(t *testing.T) {
	volume := testbed.Volume(t)
	testbed.Docker(t, "run", "--rm", "--cap-add=SYS_ADMIN", testbed.LabelFlag(), "-v", volume+":/v", testbed.Image(t, "bookworm"), "bash", "-ec", `
		cd /v; mkdir -p a/b empty; echo hello > a/b/file; ln a/b/file hard; ln -s nowhere link; mkfifo fifo
		mknod dev c 5 1; truncate -s 10M sparse; echo end >> sparse; chmod 4711 a/b/file; chown 123:456 empty
		setfattr -n user.note -v x hard; setfattr -n trusted.t -v y a; setfacl -m u:33:rwx empty
		mkdir own; echo x > own/f; echo y > own/cap; setcap cap_net_raw+ep own/cap; chown 123:456 own own/f; chmod 6750 own/f; chmod 2500 own
		head -c 3000000 /dev/urandom > big; touch -d '1969-01-02 03:04:05.678901234' a/b; touch "$(printf 'bad\377name')"`)
	both := trees(t, volume)

	manifests, facts := make(map[string]kind.Object), make(map[string][]kind.Fact)
	store := kindtest.NewMemory()
	for name, tr := range both {
		manifests[name] = captureTree(t, tr, store)
		facts[name] = collect(t, tr.Entries(t.Context(), tree.Options{}))
	}
	require.Equal(t, manifests["root"], manifests["courier"])
	require.Equal(t, facts["root"], facts["courier"])

	for _, name := range []string{"courier", "root"} {
		testbed.Docker(t, "run", "--rm", "--cap-add=SYS_ADMIN", testbed.LabelFlag(), "-v", volume+":/v", testbed.Image(t, "bookworm"), "bash", "-ec", `
			cd /v; rm -r a link dev own/f own/cap; echo more >> big; touch new; chmod 600 sparse; mkdir link; setfattr -x user.note hard`)
		changes, err := both[name].Compare(t.Context(), tree.Options{}, manifests[name], store)
		require.NoError(t, err)
		require.False(t, changes.None())
		applied, err := both[name].Apply(t.Context(), tree.Options{}, manifests[name], store)
		require.NoError(t, err)
		require.Equal(t, changes, applied)
		require.Equal(t, facts["root"], collect(t, both["root"].Entries(t.Context(), tree.Options{})), name)
	}
}

func captureTree(t *testing.T, tr tree.Tree, store *kindtest.Memory) kind.Object {
	t.Helper()
	ctx := t.Context()
	capture, err := tr.Capture(ctx, tree.Options{Index: tree.CacheIndex(kindtest.NewCache(), kind.ID{Kind: "volume", Name: "v"})}, store)
	require.NoError(t, err)
	defer func() { require.NoError(t, capture.Close()) }()
	require.NoError(t, capture.Prepare(ctx))
	require.NoError(t, capture.Take(ctx))
	result, err := capture.Finish(ctx)
	require.NoError(t, err)
	require.Empty(t, result.Gaps)
	require.False(t, result.Held.IsZero())
	live := collect(t, tr.Entries(ctx, tree.Options{}))
	require.Equal(t, live, collect(t, result.Entries))
	require.Equal(t, live, collect(t, tree.ReadManifest(ctx, store, result.Manifest)))
	return result.Manifest
}

func collect(t *testing.T, entries iter.Seq2[tree.Entry, error]) []kind.Fact {
	t.Helper()
	var facts []kind.Fact
	for f, err := range tree.Facts(entries, "/", nil) {
		require.NoError(t, err)
		facts = append(facts, f)
	}
	return facts
}

// TestCourierUsesPacks: it leaves what it reads in the store's directory for the
// store to adopt, and takes what it writes from the store's packs. Where those
// cannot be mounted it sends, and is sent, everything; the result is the same.
func TestCourierUsesPacks(t *testing.T) {
	volume := testbed.Volume(t)
	testbed.Docker(t, "run", "--rm", testbed.LabelFlag(), "-v", volume+":/v", testbed.Image(t, "busybox"),
		"dd", "if=/dev/urandom", "of=/v/big", "bs=1M", "count=20")
	store, program := storetest.Open(t), courierBinary(t)
	manifests := make(map[string]kind.Object)
	for _, c := range []struct {
		name, incoming, packs string
	}{
		{"no mount", filepath.Join(t.TempDir(), "gone"), store.Packs()},
		{"mounted", store.Incoming(), store.Packs()},
	} {
		engine := engineWith(t, docker.Options{AlwaysCourier: true, CourierBinary: program, Incoming: c.incoming, Packs: c.packs})
		v, err := engine.Volume(t.Context(), volume)
		require.NoError(t, err)
		files, err := engine.Tree(t.Context(), v.Mountpoint)
		require.NoError(t, err)
		session, err := store.Begin(t.Context())
		require.NoError(t, err)
		part := session.Sink()
		sink := &adopting{Adopter: part.(kind.Adopter)}
		capture, err := files.Capture(t.Context(), tree.Options{}, sink)
		require.NoError(t, err)
		require.NoError(t, capture.Take(t.Context()))
		result, err := capture.Finish(t.Context())
		require.NoError(t, err)
		require.NoError(t, capture.Close())
		manifests[c.name] = result.Manifest
		if c.name == "no mount" {
			require.Zero(t, sink.adopted.Load())
			require.NoError(t, session.Abort())
			continue
		}
		require.Positive(t, sink.adopted.Load())
		storetest.Commit(t, session, part, result.Manifest)
		want := collect(t, files.Entries(t.Context(), tree.Options{}))
		testbed.Docker(t, "run", "--rm", testbed.LabelFlag(), "-v", volume+":/v", testbed.Image(t, "busybox"), "rm", "/v/big")
		source := &sending{Packed: store}
		_, err = files.Apply(t.Context(), tree.Options{}, result.Manifest, source)
		require.NoError(t, err)
		require.Zero(t, source.sent.Load())
		require.Equal(t, want, collect(t, files.Entries(t.Context(), tree.Options{})))
	}
	require.Equal(t, manifests["mounted"], manifests["no mount"])
}

// sending counts the chunks that a source is asked for.
type sending struct {
	kind.Packed
	sent atomic.Int32
}

func (s *sending) Get(ctx context.Context, id kind.ChunkID, buf []byte) ([]byte, error) {
	s.sent.Add(1)
	return s.Packed.Get(ctx, id, buf)
}

// adopting counts the packs that a sink is given.
type adopting struct {
	kind.Adopter
	adopted atomic.Int32
}

func (a *adopting) Adopt(ctx context.Context, pack string) error {
	a.adopted.Add(1)
	return a.Adopter.Adopt(ctx, pack)
}

// TestLeftCouriers (D21) go when the next one connects, if their owner is gone.
func TestLeftCouriers(t *testing.T) {
	testbed.Require(t, "docker")
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	namespace, err := os.Readlink("/proc/self/ns/pid")
	require.NoError(t, err)
	left := func(owner string) string {
		return testbed.Container(t, "busybox", []string{"--label", docker.LabelCourier + "=1", "--label", "dogear.courier.owner=" + owner}, "sleep", "600")
	}
	orphan := left(strings.TrimSpace(string(boot)) + " " + namespace + " 99999999 1")
	foreign := left("another-boot " + namespace + " 99999999 1")
	apart := left(strings.TrimSpace(string(boot)) + " pid:[1] 99999999 1")
	engine := engineWith(t, docker.Options{})
	_, err = engine.Container(t.Context(), orphan)
	require.ErrorIs(t, err, kind.ErrGone)
	for _, other := range []string{foreign, apart} {
		_, err = engine.Container(t.Context(), other)
		require.NoError(t, err)
	}
}

// TestCourierIsNoMember (D21) of any workspace, whatever its labels say.
func TestCourierIsNoMember(t *testing.T) {
	engine := engineWith(t, docker.Options{})
	ws := kindtest.Workspace(t.TempDir())
	labels := []string{"--label", docker.LabelWorkingDir + "=" + ws.Root}
	member := testbed.Container(t, "busybox", labels, "true")
	testbed.Container(t, "busybox", append(labels, "--label", docker.LabelCourier+"=1", "--label", "dogear.courier.owner=another-boot ns 1 1"), "true")
	members, err := engine.Members(t.Context(), ws)
	require.NoError(t, err)
	require.Len(t, members, 1)
	require.Equal(t, member, members[0].Name)
}

// TestLeftImages (D21) of couriers go too, unless they are so young that one may
// be about to run from them.
func TestLeftImages(t *testing.T) {
	testbed.Require(t, "docker")
	left := func(age time.Duration) string {
		name := "dogear-courier:" + testbed.Name("left")
		path := filepath.Join(t.TempDir(), "image")
		require.NoError(t, os.WriteFile(path, imageArchive(t, name, time.Now().Add(-age)), 0o600))
		testbed.Docker(t, "load", "--input", path)
		t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", name).Run() }) // it is to be gone
		return name
	}
	old, young := left(time.Hour), left(0)
	engine := engineWith(t, docker.Options{})
	_, err := engine.Image(t.Context(), old)
	require.ErrorIs(t, err, kind.ErrGone)
	_, err = engine.Image(t.Context(), young)
	require.NoError(t, err)
}

// imageArchive is an image of a courier's as an engine loads it, with nothing but
// its own name in it.
func imageArchive(t *testing.T, name string, created time.Time) []byte {
	t.Helper()
	archive := func(files map[string][]byte) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for _, file := range slices.Sorted(maps.Keys(files)) {
			require.NoError(t, w.WriteHeader(&tar.Header{Name: file, Mode: 0o644, Size: int64(len(files[file]))}))
			_, err := w.Write(files[file])
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return out.Bytes()
	}
	layer := archive(map[string][]byte{"name": []byte(name)})
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","created":%q,"config":{"Labels":{%q:"1"}},`+
		`"rootfs":{"type":"layers","diff_ids":["sha256:%x"]},"history":[{"created":%[1]q}]}`,
		created.UTC().Format(time.RFC3339), docker.LabelCourier, sha256.Sum256(layer))
	return archive(map[string][]byte{
		"config.json": []byte(config), "layer.tar": layer,
		"manifest.json": []byte(`[{"Config":"config.json","RepoTags":["` + name + `"],"Layers":["layer.tar"]}]`),
	})
}

// TestNothingIsLeft (D21) of a courier, neither container nor image.
func TestNothingIsLeft(t *testing.T) {
	volume, binary := testbed.Volume(t), courierBinary(t)
	// A program of its own, so that no other test runs a courier from its image.
	own, err := os.OpenFile(binary, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = own.WriteString(t.TempDir())
	require.NoError(t, errors.Join(err, own.Close()))
	program, err := os.ReadFile(binary)
	require.NoError(t, err)
	image := "dogear-courier:" + fmt.Sprintf("%x", sha256.Sum256(program))[:16]

	engine, err := docker.Connect(t.Context(), docker.Options{AlwaysCourier: true, CourierBinary: binary})
	require.NoError(t, err)
	v, err := engine.Volume(t.Context(), volume)
	require.NoError(t, err)
	_, err = engine.Tree(t.Context(), v.Mountpoint)
	require.NoError(t, err)
	containers := func() string { return testbed.Docker(t, "ps", "--all", "--quiet", "--filter", "ancestor="+image) }
	require.NotEmpty(t, containers())
	require.NoError(t, engine.Close())
	require.Empty(t, testbed.Docker(t, "images", "--quiet", image))
	require.Empty(t, containers())
}
