package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// idMap lists the ids that a user namespace has: user_namespaces(7).
type idMap []idRange

type idRange struct{ first, length int64 }

// readIDMap reads uid_map or gid_map of this process. Where there are no
// namespaces there is every id.
func readIDMap(name string) (idMap, error) {
	content, err := os.ReadFile("/proc/self/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return idMap{{0, 1 << 32}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read own %s: %w", name, err)
	}
	var m idMap
	for line := range strings.Lines(string(content)) {
		var r idRange
		var outside int64
		if _, err := fmt.Sscan(line, &r.first, &outside, &r.length); err != nil {
			return nil, fmt.Errorf("read own %s: %w", name, err)
		}
		m = append(m, r)
	}
	return m, nil
}

func (m idMap) has(id uint32) bool {
	for _, r := range m {
		if int64(id) >= r.first && int64(id) < r.first+r.length {
			return true
		}
	}
	return false
}
