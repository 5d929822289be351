package git

import (
	"context"
	"strings"

	"dogear/internal/tree"
	"dogear/kind"
)

// holdings are what a part has of its tree.
type holdings struct {
	files map[string]bool // all but directories
	out   []string        // what is there and is not in the part
}

func readHoldings(ctx context.Context, part kind.Part, source kind.Source) (*holdings, error) {
	manifest, err := manifestOf(part)
	if err != nil {
		return nil, err
	}
	h := &holdings{files: map[string]bool{}}
	for e, err := range tree.ReadManifest(ctx, source, manifest) {
		switch {
		case err != nil:
			return nil, err
		case e.Type == tree.Boundary || e.Unread:
			h.out = append(h.out, e.Path)
		case e.Type != tree.Folder:
			h.files[e.Path] = true
		}
	}
	return h, nil
}

func (h *holdings) has(file string) bool { return h.files[file] }

// missing returns what the part does not have, and would change with a file
// of the repository: the file lies in it, or it lies where the file goes.
func (h *holdings) missing(file string) string {
	for _, out := range h.out {
		if out == file || strings.HasPrefix(file, out+"/") || strings.HasPrefix(out, file+"/") {
			return out
		}
	}
	return ""
}
