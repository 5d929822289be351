package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A rule says which packages of this module a package may import. Paths are
// relative to the module; a trailing /... stands for all below, and * for one
// element. The first rule that matches a package counts.
type rule struct {
	pkg   string
	may   []string
	why   string
	files []string // if set, the rule is for these files only
}

var rules = []rule{
	{pkg: "cmd/dogear", files: []string{"connect.go", "agent_run.go", "watchdog.go"}, may: []string{"agent/...", "kind/all", "store"},
		why: "only what serves or starts an agent may know one"},
	{pkg: "cmd/dogear", files: []string{"courier.go"}, may: []string{"internal/courier", "agent/api"},
		why: "the hidden courier command is the courier"},
	{pkg: "cmd/...", may: []string{"agent/api", "cmd/..."},
		why: "commands decide nothing about state: they talk to the agent through its API"},
	{pkg: "agent/api", may: []string{"snapshot", "restore", "kind"},
		why: "the wire types are the model's own"},
	{pkg: "agent/...", may: []string{"agent/...", "restore", "snapshot", "store", "kind", "internal/atomicfile"},
		why: "the agent knows no kind by name"},
	{pkg: "restore", may: []string{"snapshot", "kind", "internal/atomicfile"},
		why: "the engines know no kind by name, and no store"},
	{pkg: "snapshot", may: []string{"kind", "internal/content"},
		why: "the engines know no kind by name, and no store"},
	{pkg: "kind", may: nil,
		why: "the contract imports only the standard library"},
	{pkg: "kind/all", may: []string{"kind", "kind/*", "internal/docker"},
		why: "the list of drivers is the only place that names them"},
	{pkg: "kind/*", may: []string{"kind", "internal/..."},
		why: "a driver knows its own technology and nothing of the engines"},
	{pkg: "store/chunk", may: []string{"kind", "internal/atomicfile"},
		why: "packs know nothing of snapshots"},
	{pkg: "store/catalog", may: []string{"snapshot", "kind", "store/chunk"},
		why: "the catalog is an index of snapshots and chunks"},
	{pkg: "store/...", may: []string{"store/...", "snapshot", "kind", "internal/atomicfile", "internal/content"},
		why: "a store knows no engine and no driver"},
	{pkg: "internal/courier", may: []string{"internal/tree", "internal/docker", "internal/proc", "kind", "store/chunk"},
		why: "the courier is the tree engine in a container, and leaves packs for a store"},
	{pkg: "internal/bench", may: []string{"internal/tree", "internal/content", "store", "snapshot", "kind"},
		why: "the benchmark measures the tree engine on the store, and is part of nothing"},
	{pkg: "internal/...", may: []string{"internal/...", "kind"},
		why: "what drivers build upon knows the contract at most"},
}

// TestArrows parses the files itself: a test that asks `go list` would be
// answered from the test cache after a violation.
func TestArrows(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		seen++
		checkFile(t, root, file)
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, seen, 50, "the walk must find the source")
}

func checkFile(t *testing.T, root, file string) {
	t.Helper()
	rel, err := filepath.Rel(root, file)
	require.NoError(t, err)
	pkg := path.Dir(filepath.ToSlash(rel))
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	require.NoError(t, err)
	for _, imp := range parsed.Imports {
		name, err := strconv.Unquote(imp.Path.Value)
		require.NoError(t, err)
		if why := verdict(pkg, path.Base(filepath.ToSlash(rel)), name); why != "" {
			t.Errorf("%s imports %s: %s", rel, name, why)
		}
	}
}

// verdict returns why a package may not import another, or "".
func verdict(pkg, file, imported string) string {
	target, ours := strings.CutPrefix(imported, "dogear/")
	if !ours {
		if pkg == "kind" && strings.Contains(imported, ".") {
			return "the contract imports only the standard library"
		}
		return ""
	}
	if isTestSupport(pkg) {
		return ""
	}
	if isTestSupport(target) {
		return "only tests may use it"
	}
	for _, r := range rules {
		if !match(r.pkg, pkg) || !r.isFor(file) {
			continue
		}
		for _, allowed := range r.may {
			if match(allowed, target) {
				return ""
			}
		}
		return r.why
	}
	return fmt.Sprintf("there is no rule for %s: add one", pkg)
}

func (r rule) isFor(file string) bool {
	if r.files == nil {
		return true
	}
	for _, f := range r.files {
		if f == file {
			return true
		}
	}
	return false
}

// isTestSupport reports whether a package exists for tests only.
func isTestSupport(pkg string) bool {
	return pkg == "kind/kindtest" || pkg == "internal/testbed" || strings.HasSuffix(pkg, "/storetest")
}

func match(pattern, pkg string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	ok, err := path.Match(pattern, pkg)
	return err == nil && ok
}

// A rule that forbids nothing proves nothing.
func TestForbidden(t *testing.T) {
	for _, c := range []struct{ pkg, file, imported string }{
		{"kind", "driver.go", "dogear/internal/tree"},
		{"kind", "driver.go", "golang.org/x/sys/unix"},
		{"kind/git", "git.go", "dogear/snapshot"},
		{"kind/git", "git.go", "dogear/kind/files"},
		{"snapshot", "take.go", "dogear/kind/git"},
		{"snapshot", "take.go", "dogear/store"},
		{"restore", "run.go", "dogear/agent"},
		{"store", "store.go", "dogear/restore"},
		{"agent", "agent.go", "dogear/kind/postgres"},
		{"cmd/dogear", "save.go", "dogear/agent"},
		{"cmd/dogear", "save.go", "dogear/store"},
		{"agent", "agent.go", "dogear/kind/kindtest"},
		{"internal/tree", "walk.go", "dogear/store"},
	} {
		require.NotEmpty(t, verdict(c.pkg, c.file, c.imported), "%s must not import %s", c.pkg, c.imported)
	}
	require.Empty(t, verdict("kind/git", "git.go", "dogear/internal/tree"))
	require.Empty(t, verdict("restore", "run.go", "dogear/snapshot"))
}
