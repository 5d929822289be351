package e2e

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

func TestWreckedStackComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.json(done, "save", "-m", "before the wreck")
	again := r.json(done, "save")
	require.Equal(t, first.Snapshot.State, again.Snapshot.State, "nothing has changed, all services running:\n%s",
		r.dogear(done, "diff", "latest~1", "latest"))
	require.Less(t, again.Bytes.Added, int64(1<<20))

	before := r.Containers()
	page := r.Get("/")
	inode := r.inode("app/main.go")
	r.Wreck()
	wrecked := r.json(differences, "verify", first.Snapshot.ID)

	resumed := r.json(done, "resume", first.Snapshot.ID)
	resumed.identical(t)
	require.Equal(t, page, r.Get("/"))
	after := r.Containers()
	require.NotEqual(t, before["worker"], after["worker"], "it was removed")
	delete(before, "worker")
	delete(after, "worker")
	require.Equal(t, before, after, "what survived keeps its id")
	require.Equal(t, inode, r.inode("app/main.go"), "what was not wrecked keeps its inode")
	require.Equal(t, []string{
		"changes that were not committed, in app/web.go, config/app.yaml, scratch/current-config, web/templates/stray.html",
		"dogear/kept/feature/checkout, 1 commit of feature/checkout",
	}, resumed.kept())
	r.onlyKept(first.Snapshot.ID)

	undone := r.json(done, "undo")
	undone.identical(t)
	require.Equal(t, wrecked.facts(), r.json(differences, "verify", first.Snapshot.ID).facts(), "the wrecked state is back")
	require.NotContains(t, slices.Collect(maps.Keys(r.Containers())), "worker")

	redone := r.json(done, "undo")
	redone.identical(t)
	r.onlyKept(first.Snapshot.ID)
	r.json(done, "restore", first.Snapshot.ID).identical(t)
	r.dogear(done, "verify", first.Snapshot.ID)
	r.nothingLeftBehind()
}

// onlyKept requires that nothing differs but what a resume has kept.
func (r *rig) onlyKept(snapshot string) {
	r.t.Helper()
	for _, fact := range r.json(differences, "verify", snapshot).facts() {
		require.Contains(r.t, fact, "refs/heads/dogear/kept/")
	}
}

func (r *rig) inode(path string) any {
	r.t.Helper()
	return testbed.Run(r.t, "stat", "--format", "%i", r.Path(path))
}

// nothingLeftBehind requires that no job has left a trace.
func (r *rig) nothingLeftBehind() {
	r.t.Helper()
	entries, err := os.ReadDir(r.store + "/journal")
	if err == nil {
		require.Empty(r.t, entries)
	}
	// Others may run couriers of other programs at this moment.
	program, err := os.ReadFile(filepath.Join(programs(r.t), "dogear"))
	require.NoError(r.t, err)
	image := fmt.Sprintf("dogear-courier:%x", sha256.Sum256(program))[:len("dogear-courier:")+16]
	require.Empty(r.t, testbed.Docker(r.t, "ps", "--all", "--quiet", "--filter", "ancestor="+image))
	require.Empty(r.t, testbed.Docker(r.t, "ps", "--quiet", "--filter", "status=paused", "--filter", "label=com.docker.compose.project="+r.Project))
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.Containers()
	r.StartCounter()
	paused := r.json(done, "pause", "--for", "INC-42", "-m", "fixing the search")
	require.Empty(t, r.running(), "nothing runs after a pause")
	last := r.fileCount()

	resumed := r.json(done, "resume")
	require.True(t, resumed.Receipt.Identical || onlyCounter(resumed.Receipt.Differences), "%+v", resumed.Receipt.Differences)
	found := r.Found()
	found.RequireOneInstant(t)
	require.Equal(t, last, found.File, "what was written last before the stop is there")
	r.WaitHealthy("db", "redis", "web", "worker")
	for service, id := range before {
		require.Equal(t, id, r.Container(service))
	}
	require.NotEmpty(t, paused.Snapshot.ID)

	r.json(done, "undo")
	require.Empty(t, r.running(), "the desk is clear again")
	r.json(done, "undo")
	r.WaitHealthy("db", "redis", "web", "worker")
	r.nothingLeftBehind()
}

// running lists the project's containers that run, and since when.
func (r *rig) running() string {
	r.t.Helper()
	return testbed.Docker(r.t, "ps", "--format", "{{.Names}} {{.Status}}", "--filter", "label=com.docker.compose.project="+r.Project)
}

// onlyCounter reports whether all that differs is what the counter has
// written since it was started again.
func onlyCounter(ds []difference) bool {
	return !slices.ContainsFunc(ds, func(d difference) bool {
		return !strings.Contains(d.Fact, "counter") && !strings.HasPrefix(d.Part, "volume/") && d.Half != "running"
	})
}

// fileCount reads the file that the stopped counter wrote last.
func (r *rig) fileCount() int64 {
	r.t.Helper()
	file := r.t.(*testing.T).TempDir() + "/n"
	testbed.Docker(r.t, "cp", "--quiet", r.Container("counter")+":/var/lib/counter/n", file)
	content, err := os.ReadFile(file)
	require.NoError(r.t, err)
	var n int64
	for _, c := range strings.TrimSpace(string(content)) {
		n = n*10 + int64(c-'0')
	}
	return n
}

// A program that writes to Postgres, then Redis, then a file is saved while it
// runs; each of the snapshots is of one point in time (D16: everything is
// frozen before anything is copied). A container of nobody's workspace writes
// to the same volume meanwhile, without a pause but for that (D8): it is
// frozen too, is named, and is never stopped.
//
// During the last of them a benchmark writes to Postgres
// as fast as it can, and checkpoints are written one after another (P1): what
// comes back adds up, and amcheck finds every index right.
func TestOnePointInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartCounter()
	stranger := testbed.Container(t, "busybox", []string{"-v", r.counterVolume() + ":/v"},
		"sh", "-c", "trap 'exit 0' TERM; while :; do date +%s%N > /v/stranger; done")
	var ids []string
	captures := testbed.Times(10, 20)
	loaded := captures - testbed.Times(2, 10)
	for i := range captures {
		if i == loaded {
			r.startLoad()
		}
		saved := r.json(done, "save")
		require.NotEqual(t, "live", saved.Snapshot.Consistency)
		require.Contains(t, saved.notCaptured(), "container/"+stranger)
		ids = append(ids, saved.Snapshot.ID)
	}
	require.Equal(t, "running", testbed.Inspect(t, stranger, ".State.Status"))
	refused := r.json(failed, "restore", ids[0])
	require.Contains(t, refused.Error.Message, stranger)
	testbed.Docker(t, "stop", stranger)
	for i, id := range ids {
		r.json(done, "restore", id)
		r.Found().RequireOneInstant(t)
		if i >= loaded {
			r.requireSound()
		}
	}
}

// startLoad has Postgres written to, and checkpoints made, until it stops.
func (r *rig) startLoad() {
	r.t.Helper()
	db := r.Container("db")
	testbed.Exec(r.t, db, "pgbench", "--initialize", "--quiet", "--username=shop", "shop")
	r.SQL("create extension amcheck")
	testbed.Docker(r.t, "exec", "--detach", db, "pgbench", "--username=shop", "--no-vacuum", "--client=4", "--time=3600", "shop")
	testbed.Docker(r.t, "exec", "--detach", db, "sh", "-c", "while psql -XqU shop -d shop -c checkpoint; do sleep 0.1; done")
	testbed.Eventually(r.t, testbedLimit, "the benchmark has written", func() bool { return r.SQL("select count(*) > 100 from pgbench_history") == "t" })
}

// requireSound requires that what the benchmark has written is of one moment,
// and that tables and indexes agree.
func (r *rig) requireSound() {
	r.t.Helper()
	sums := r.SQL(`select sum(delta) = (select sum(abalance) from pgbench_accounts) and sum(delta) = (select sum(tbalance) from pgbench_tellers)
		and sum(delta) = (select sum(bbalance) from pgbench_branches) and count(*) > 100 from pgbench_history`)
	require.Equal(r.t, "t", sums)
	require.Empty(r.t, testbed.Exec(r.t, r.Container("db"), "pg_amcheck", "--username=shop", "--heapallindexed", "--rootdescend", "--database=shop"))
}

// counterVolume is where the counter has its file.
func (r *rig) counterVolume() string {
	r.t.Helper()
	return testbed.Inspect(r.t, r.Container("counter"),
		`range .Mounts}}{{if eq .Destination "/var/lib/counter"}}{{.Name}}{{end}}{{end`)
}

func TestVerifyNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	saved := r.json(done, "save")
	for name, c := range map[string]struct {
		change, back func()
		part, fact   string
	}{
		"one row": {
			func() { r.SQL("update customers set name = name || '!' where id = 1") },
			func() { r.SQL("update customers set name = rtrim(name, '!') where id = 1") },
			"postgres/", "table public.customers",
		},
		"one byte": {
			func() { r.edit("config/app.yaml", 0, 'X') }, nil, "git/.", "config/app.yaml",
		},
		"one ref": {
			func() { r.Git("branch", "surprise") }, func() { r.Git("branch", "-D", "surprise") }, "git/.", "refs/heads/surprise",
		},
		"one label": {
			func() { r.recreate("web", "--label", "dogear.extra=1") }, nil, "container/", "label dogear.extra",
		},
		"one environment value": {
			func() { r.recreate("web", "--env", "EXTRA=1") }, nil, "container/", "env EXTRA",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.change()
			found := r.json(differences, "verify", saved.Snapshot.ID)
			require.True(t, slices.ContainsFunc(found.Differences, func(d difference) bool {
				return strings.HasPrefix(d.Part, c.part) && strings.HasSuffix(d.Fact, c.fact)
			}), "%+v", found.Differences)
			if c.back != nil {
				c.back()
				return
			}
			r.json(done, "restore", saved.Snapshot.ID).identical(t)
		})
	}
}

// edit overwrites one byte and keeps the time of the file.
func (r *rig) edit(path string, offset int64, b byte) {
	r.t.Helper()
	info, err := os.Stat(r.Path(path))
	require.NoError(r.t, err)
	f, err := os.OpenFile(r.Path(path), os.O_WRONLY, 0)
	require.NoError(r.t, err)
	_, err = f.WriteAt([]byte{b}, offset)
	require.NoError(r.t, err)
	require.NoError(r.t, f.Close())
	require.NoError(r.t, os.Chtimes(r.Path(path), info.ModTime(), info.ModTime()))
}

// recreate makes a service's container anew by Compose, with something added.
func (r *rig) recreate(service, flag, value string) {
	r.t.Helper()
	key := map[string]string{"--label": "labels", "--env": "environment"}[flag]
	name, content, _ := strings.Cut(value, "=")
	override := r.t.(*testing.T).TempDir() + "/override.yaml"
	text := "services: {" + service + ": {" + key + ": {" + name + ": \"" + content + "\"}}}\n"
	require.NoError(r.t, os.WriteFile(override, []byte(text), 0o600))
	r.Compose("-f", r.Path("compose.yaml"), "-f", override, "up", "--detach", "--no-deps", service)
	r.WaitHealthy(service)
}

// The same through an agent that stays.
func TestThroughARunningAgent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	agent := r.command("agent", "run")
	require.NoError(t, agent.Start())
	t.Cleanup(func() {
		require.NoError(t, agent.Process.Signal(os.Interrupt))
		require.NoError(t, agent.Wait())
	})
	testbed.Eventually(t, testbedLimit, "the agent answers", func() bool {
		return r.command("agent", "status").Run() == nil
	})
	saved := r.json(done, "save")
	r.Wreck()
	r.json(done, "resume", "--exact", saved.Snapshot.ID).identical(t)
	r.json(done, "undo").identical(t)
	r.json(done, "undo").identical(t)
	r.dogear(done, "verify", saved.Snapshot.ID)
	require.Equal(t, saved.Snapshot.State, r.json(done, "save").Snapshot.State)
}
