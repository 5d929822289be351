package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests that the lists of traps name are there.
func TestNamedTestsAreThere(t *testing.T) {
	root := filepath.Join("..", "..")
	there := tests(t, root)
	docs, err := filepath.Glob(filepath.Join(root, "docs", "traps*.md"))
	require.NoError(t, err)
	require.Len(t, docs, 4)
	for _, doc := range docs {
		content, err := os.ReadFile(doc)
		require.NoError(t, err)
		named := regexp.MustCompile(`Test\w+`).FindAllString(string(content), -1)
		require.NotEmpty(t, named)
		for _, name := range named {
			require.True(t, there[name], "%s names %s", doc, name)
		}
	}
}

// tests returns the names of all tests.
func tests(t *testing.T, root string) map[string]bool {
	all := make(map[string]bool)
	require.NoError(t, filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		content, err := os.ReadFile(file)
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(content), -1) {
			all[match[1]] = true
		}
		return err
	}))
	return all
}
