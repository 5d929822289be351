package git

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// docs/traps.md has every trap of git once, and the situations that it names are
// there. That the tests are is seen in internal/arch.
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
