package testbed

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Shop is the sample workspace of testdata/workspaces/shop, laid out for one test.
type Shop struct {
	Dir     string // the workspace's root
	Project string // its Compose project

	t      testing.TB
	engine bool
}

// NewShop lays out the whole workspace, and starts nothing: see Up. At the end of the test all of it is removed,
// unless DOGEAR_KEEP is set.
func NewShop(t testing.TB) *Shop {
	t.Helper()
	Require(t, "git", "docker", "compose", "postgres")
	shop := newShop(t, true)
	t.Cleanup(func() {
		if os.Getenv("DOGEAR_KEEP") == "" {
			shop.Down()
		}
	})
	shop.script("layout")
	return shop
}

// NewShopFiles lays out what needs no engine: git, files and SQLite.
func NewShopFiles(t testing.TB) *Shop {
	t.Helper()
	Require(t, "git")
	shop := newShop(t, false)
	shop.script("layout", "--no-engine")
	return shop
}

// newShop uses a short path instead of t.TempDir: sockets below it must fit into 108 characters. The project's name
// follows from the path, so it is as unique.
func newShop(t testing.TB, engine bool) *Shop {
	t.Helper()
	dir, err := os.MkdirTemp("", "shop-")
	require.NoError(t, err)
	t.Cleanup(func() {
		if os.Getenv("DOGEAR_KEEP") == "" {
			require.NoError(t, os.RemoveAll(dir))
		}
	})
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	return &Shop{Dir: dir, Project: filepath.Base(dir), t: t, engine: engine}
}

func shopDir(t testing.TB) string {
	t.Helper()
	return filepath.Join(Root(t), "testdata", "workspaces", "shop")
}

func (s *Shop) script(name string, flags ...string) string {
	s.t.Helper()
	if name == "layout" || name == "down" {
		flags = append(flags, "--project", s.Project)
	}
	return Run(s.t, filepath.Join(shopDir(s.t), name), append([]string{s.Dir}, flags...)...)
}

// Up starts the stack and waits until all of it is healthy, in about seven seconds.
func (s *Shop) Up() {
	s.t.Helper()
	s.script("up")
}

// Wreck damages everything for real and returns one line for each act.
func (s *Shop) Wreck() string {
	s.t.Helper()
	if s.engine {
		return s.script("wreck")
	}
	return s.script("wreck", "--no-engine")
}

// Down removes the project's containers, volumes, networks and image. The directory stays.
func (s *Shop) Down() {
	s.t.Helper()
	s.script("down")
}

// Compose runs Compose v2 on the project.
func (s *Shop) Compose(args ...string) string {
	s.t.Helper()
	return s.script("compose", args...)
}

// Path returns the path of something in the workspace.
func (s *Shop) Path(elements ...string) string {
	return filepath.Join(append([]string{s.Dir}, elements...)...)
}

// Git runs git in the workspace's repository, with nobody's configuration but the repository's own.
func (s *Shop) Git(args ...string) string {
	s.t.Helper()
	return Run(s.t, "env", append([]string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_OPTIONAL_LOCKS=0", "git", "-C", s.Dir}, args...)...)
}

// Setting returns one value of the workspace's .env.
func (s *Shop) Setting(name string) string {
	s.t.Helper()
	env, err := os.ReadFile(s.Path(".env"))
	require.NoError(s.t, err)
	for line := range strings.Lines(string(env)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+"="); found {
			return value
		}
	}
	return ""
}

// Get fetches a path of the web service and returns the body.
func (s *Shop) Get(path string) string {
	s.t.Helper()
	response, err := http.Get("http://127.0.0.1:" + s.Setting("WEB_PORT") + path)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, response.StatusCode, string(body))
	return string(body)
}
