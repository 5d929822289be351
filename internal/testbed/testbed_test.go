package testbed

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRequireSkipsWhatIsMissing(t *testing.T) {
	parts["unobtainium"] = func() error { return os.ErrNotExist }
	t.Cleanup(func() { delete(parts, "unobtainium") })

	t.Setenv("DOGEAR_REQUIRE", "docker")
	require.Equal(t, "skipped", verdict(t, "unobtainium"))
	has, err := Has("unobtainium")
	require.NoError(t, err)
	require.False(t, has)
	t.Setenv("DOGEAR_REQUIRE", "docker,unobtainium")
	require.Equal(t, "failed", verdict(t, "unobtainium"))
	t.Setenv("DOGEAR_REQUIRE", "all")
	require.Equal(t, "failed", verdict(t, "unobtainium"))
	_, err = Has("unobtainium")
	require.ErrorContains(t, err, "DOGEAR_REQUIRE wants unobtainium")
	require.Equal(t, "failed", verdict(t, "no such part"))
	_, err = Has("no such part")
	require.ErrorContains(t, err, "no such part")
	require.Equal(t, "passed", verdict(t, "git"))
}

// verdict says how a test that requires the part ends. It runs apart, since a test ends by leaving its goroutine.
func verdict(t *testing.T, part string) string {
	probe := &probe{TB: t, verdict: "passed"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Require(probe, part)
	}()
	<-done
	return probe.verdict
}

type probe struct {
	testing.TB
	verdict string
}

func (p *probe) Skipf(string, ...any)  { p.end("skipped") }
func (p *probe) Fatalf(string, ...any) { p.end("failed") }

func (p *probe) end(verdict string) {
	p.verdict = verdict
	runtime.Goexit()
}

func TestServicesAnswer(t *testing.T) {
	server := Postgres(t)
	require.Equal(t, "shop|t", SQL(t, server.Container, "select current_database(), version() like 'PostgreSQL 15.%'"))
	require.Contains(t, server.DSN, "@127.0.0.1:")

	redis := Container(t, "bookworm", []string{"--user=redis"}, "redis-server", "--save", "")
	Eventually(t, 10*time.Second, "Redis answers", func() bool {
		answer, err := output("", "docker", "exec", redis, "redis-cli", "ping")
		return err == nil && answer == "PONG"
	})
	require.Contains(t, Exec(t, redis, "mariadbd", "--version"), "MariaDB")
}

func TestThingsAreLabelledAndRemoved(t *testing.T) {
	Require(t, "docker")
	mine := func() string {
		filter := "label=" + Label + "=" + runID()
		return Docker(t, "ps", "-aq", "--filter", filter) + Docker(t, "volume", "ls", "-q", "--filter", filter) +
			Docker(t, "network", "ls", "-q", "--filter", filter)
	}
	before := mine()
	t.Run("one test", func(t *testing.T) {
		volume, network := Volume(t), Network(t)
		container := Container(t, "busybox", []string{"--volume=" + volume + ":/v", "--network=" + network}, "sleep", "600")
		require.Equal(t, "running", Inspect(t, container, ".State.Status"))
		require.NotEqual(t, before, mine())
	})
	require.Equal(t, before, mine())
}

func TestShopFiles(t *testing.T) {
	shop, twin := NewShopFiles(t), NewShopFiles(t)
	require.Equal(t, shop.Git("log", "--all", "--format=%H"), twin.Git("log", "--all", "--format=%H"),
		"two layouts have the same history")

	status := shop.Git("status", "--short")
	require.Contains(t, status, "UU config/app.yaml", "the rebase has stopped at its conflict")
	require.Contains(t, status, "MM docs/runbook.md", "one file has staged and unstaged hunks")
	require.Contains(t, status, "?? tools/", "the nested repository is untracked")
	require.DirExists(t, shop.Path(".git", "rebase-merge"))
	require.Len(t, strings.Split(shop.Git("stash", "list"), "\n"), 2)
	require.NotEmpty(t, shop.Git("check-ignore", ".env"))
	wal, err := os.Stat(shop.Path("var", "analytics.db-wal"))
	require.NoError(t, err)
	require.Positive(t, wal.Size(), "the database has pages that are only in its log")

	lost := shop.Git("rev-parse", "feature/search")
	acts := shop.Wreck()
	require.Contains(t, acts, "rebase aborted")
	require.NoDirExists(t, shop.Path(".git", "rebase-merge"))
	require.NotContains(t, shop.Git("branch", "--all"), "feature/search")
	require.Len(t, strings.Split(shop.Git("stash", "list"), "\n"), 1)
	_, err = output("", "git", "-C", shop.Dir, "cat-file", "-e", lost)
	require.Error(t, err, "the branch's commit is gone for good")
	require.NoFileExists(t, shop.Path("app", "worker.go"))
}

func TestShop(t *testing.T) {
	shop := NewShop(t)
	shop.Up()

	require.Contains(t, shop.Get("/"), "back in five minutes", "the hotfix is in web's writable layer")
	require.Contains(t, shop.Get("/"), "#2400")
	require.Equal(t, "2400|800|250", shop.SQL(
		"select (select count(*) from orders), (select count(*) from customers), (select count(*) from products)"))
	require.Len(t, shop.Containers(), 5)
	require.ElementsMatch(t, []string{shop.Project + "_pgdata", shop.Project + "_redisdata"}, shop.Volumes())
	require.Len(t, shop.Networks(), 2)

	requireIdle(t, shop)
	requireOneInstant(t, shop)
	requireWrecked(t, shop)

	shop.Down()
	require.Empty(t, shop.Containers())
	require.Empty(t, shop.Volumes())
	require.Empty(t, shop.Networks())
	require.Empty(t, Docker(t, "image", "ls", "-q", "--filter", "label="+Label+"="+shop.Project))
}

// requireIdle watches a running stack for a few seconds: whatever it changed by itself would look like a difference
// between two saves.
func requireIdle(t *testing.T, shop *Shop) {
	t.Helper()
	before := written(t, shop)
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		require.Equal(t, before, written(t, shop))
	}
}

func written(t *testing.T, shop *Shop) []string {
	t.Helper()
	state := []string{
		shop.SQL("select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables"),
		shop.Exec("redis", "sh", "-c", "find /var/lib/redis -type f -exec sha256sum {} + | sort"),
		shop.Exec("worker", "sh", "-c", "ls -l --full-time /var/spool/shop"),
	}
	for _, service := range []string{"db", "redis", "web", "worker", "migrate"} {
		changes := strings.Split(Docker(t, "diff", shop.Container(service)), "\n")
		slices.Sort(changes)
		state = append(state, service+": "+strings.Join(changes, " "))
	}
	return state
}

func requireOneInstant(t *testing.T, shop *Shop) {
	t.Helper()
	shop.StartCounter()
	shop.StopCounter()
	counted := shop.Counter()
	require.Positive(t, counted.File)
	counted.RequireOneInstant(t)
	require.Error(t, try(func(t require.TestingT) { Counted{Postgres: 5, Redis: 4, File: 3}.RequireOneInstant(t) }))
	require.Error(t, try(func(t require.TestingT) { Counted{Postgres: 4, Redis: 5, File: 4}.RequireOneInstant(t) }))
}

func requireWrecked(t *testing.T, shop *Shop) {
	t.Helper()
	spool := shop.AnonymousVolume()
	require.Len(t, spool, 64)
	web := shop.Container("web")
	shop.Wreck()
	require.Equal(t, "t", shop.SQL("select to_regclass('order_lines') is null"))
	require.Equal(t, "0", shop.Redis("dbsize"))
	require.Empty(t, shop.Container("worker"))
	require.Empty(t, Docker(t, "volume", "ls", "-q", "--filter", "name="+spool))
	require.Equal(t, web, shop.Container("web"), "web survives, patched")
	require.Equal(t, "broken", shop.Exec("web", "cat", "/app/hotfix.conf"))
}

// try runs assertions that are meant to fail.
func try(assertions func(require.TestingT)) error {
	failures := &failures{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		assertions(failures)
	}()
	<-done
	return failures.err
}

type failures struct{ err error }

func (f *failures) Errorf(string, ...any) { f.err = os.ErrInvalid }
func (f *failures) FailNow()              {}

// The scripts are the bed itself: a slip of the shell in one of them must not wait for a fresh machine to show.
func TestScriptsParse(t *testing.T) {
	var checked int
	for _, pattern := range []string{"services/*", "workspaces/shop/*"} {
		names, err := filepath.Glob(filepath.Join(Root(t), "testdata", pattern))
		require.NoError(t, err)
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				Run(t, "bash", "-n", name)
				checked++
			}
		}
	}
	require.GreaterOrEqual(t, checked, 9)
}
