package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"dogear/internal/atomicfile"
	"dogear/kind"
)

// Cache returns where the drivers keep what can be worked out again for one
// workspace.
func (s *Store) Cache(workspace string) kind.Cache {
	return cache{dir: s.path(cacheDir), workspace: workspace}
}

// cache keeps each blob in a file: its SHA-256, then the blob. The digest is
// needed because the files are not synced.
type cache struct{ dir, workspace string }

// Load returns nil if there is nothing, or nothing that is whole.
func (c cache) Load(id kind.ID, name string) []byte {
	b, err := os.ReadFile(c.path(id, name))
	if err != nil || len(b) < sha256.Size {
		return nil
	}
	digest, content := b[:sha256.Size], b[sha256.Size:]
	if sum := sha256.Sum256(content); !bytes.Equal(digest, sum[:]) {
		return nil
	}
	return content
}

// Save replaces the blob, if there is room.
func (c cache) Save(id kind.ID, name string, content []byte) error {
	digest := sha256.Sum256(content)
	err := atomicfile.WriteCache(c.path(id, name), 0o600, digest[:], content)
	if isFull(err) {
		return nil // nothing depends on it: who needs it next works it out again
	}
	if err != nil {
		return fmt.Errorf("save cache: %w", err)
	}
	return nil
}

// path hashes the names: they may be long, and hold any byte.
func (c cache) path(id kind.ID, name string) string {
	h := sha256.New()
	for _, s := range []string{c.workspace, id.Kind, id.Name, name} {
		h.Write(fmt.Appendf(nil, "%d:%s", len(s), s))
	}
	return filepath.Join(c.dir, hex.EncodeToString(h.Sum(nil)))
}
