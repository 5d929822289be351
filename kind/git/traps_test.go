package git

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// docs/traps.md has every trap once, and the tests and situations that it names
// are there.
func TestTrapsAreGuarded(t *testing.T) {
	root := testbed.Root(t)
	doc, err := os.ReadFile(filepath.Join(root, "docs", "traps.md"))
	require.NoError(t, err)
	var numbers []string
	for _, match := range regexp.MustCompile(`(?m)^\| G(\d+) \|`).FindAllStringSubmatch(string(doc), -1) {
		numbers = append(numbers, match[1])
	}
	require.Len(t, numbers, 38)
	for i, number := range numbers {
		require.Equal(t, strconv.Itoa(i+1), number)
	}

	tests := testsIn(t, root)
	for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(string(doc), -1) {
		require.Contains(t, tests, "func "+name+"(", name)
	}
	for _, match := range regexp.MustCompile(`…/([^;|:(…]+)`).FindAllStringSubmatch(string(doc), -1) {
		require.True(t, isSituation(strings.TrimSpace(match[1])), match[1])
	}
}

func isSituation(prefix string) bool {
	for _, s := range situations {
		if strings.HasPrefix(s.name, prefix) {
			return true
		}
	}
	return false
}

// testsIn returns the source of all tests.
func testsIn(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{"kind/git", "internal/tree", "restore"} {
		files, err := fs.Glob(os.DirFS(root), dir+"/*_test.go")
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(filepath.Join(root, file))
			require.NoError(t, err)
			all.Write(content)
		}
	}
	return all.String()
}
