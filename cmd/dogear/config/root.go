package config

import (
	"os"
	"path/filepath"
)

// Root returns the nearest directory at or above dir that has a dogear.yaml,
// or dir itself.
func Root(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, FileName)); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}
