package docker

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// requireReach makes sure that the courier sees what the engine sees at a path.
// The mounts of another host are not known here; what matters there, volumes,
// is mounted by name.
func (e *Engine) requireReach(root, path string) error {
	if !e.Local() {
		return nil
	}
	return requireInDataRoot(root, path)
}

// requireInDataRoot makes sure that a directory is on the very mount that the
// data directory is on. The courier mounts that one alone: what is
// mounted below it would look empty there.
func requireInDataRoot(root, path string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read the mounts of this host: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape(fields[4])
		if strings.HasPrefix(point, root+"/") && (path == point || strings.HasPrefix(path, point+"/")) {
			return fmt.Errorf("%s is on a mount of its own (%s), which only root can read", path, point)
		}
	}
	return nil
}

// unescape undoes how the kernel writes blanks and backslashes in paths:
// three octal digits.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
