package git

import (
	"context"

	"dogear/internal/content"
	"dogear/internal/tree"
	"dogear/kind"
)

// capturedState reads the state files of a part's own git directory that
// wanted selects. It is what readState would have returned of them.
func capturedState(ctx context.Context, part kind.Part, source kind.Source, wanted []kind.Pattern) (*state, error) {
	manifest, err := manifestOf(part)
	if err != nil {
		return nil, err
	}
	s := &state{dirs: []string{".git"}, files: map[string]stateEntry{}}
	for e, err := range gitEntries(tree.ReadManifest(ctx, source, manifest)) {
		if err != nil {
			return nil, err
		}
		if !kind.MatchAny(wanted, e.Path) {
			continue
		}
		switch e.Type {
		case tree.Symlink:
			s.files[e.Path] = stateEntry{content: []byte(e.Target), link: true}
		case tree.Regular:
			b, err := contentOf(ctx, e, source)
			if err != nil {
				return nil, err
			}
			s.files[e.Path] = stateEntry{content: b}
		}
	}
	return s, nil
}

// contentOf returns the content of a captured file. Those in a git directory
// have no holes.
func contentOf(ctx context.Context, e tree.Entry, source kind.Source) ([]byte, error) {
	return content.ReadAll(ctx, source, kind.Object{Name: kind.Printable(e.Path), Size: e.Size, Chunks: e.Chunks})
}
