package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/proc"
	"dogear/kind"
)

var _ kind.Keeper = (*Driver)(nil)

// keepNeeds is what Keep reads of a part: its refs, and which branches are
// checked out.
var keepNeeds = []kind.Pattern{
	".git/HEAD", ".git/packed-refs", ".git/refs", ".git/rebase-*/head-name",
	".git/worktrees/*/HEAD", ".git/worktrees/*/rebase-*/head-name",
}

// Keep takes aside the branches and tags that were created or advanced since
// the part was captured, and the commits that its branches would lose.
func (*Driver) Keep(ctx context.Context, _ *kind.Workspace, part kind.Part, source kind.Source, label string) (kind.Keepsake, error) {
	live, err := readState(part.Root)
	if errors.Is(err, kind.ErrGone) || err == nil && len(live.dirs) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	before, err := capturedState(ctx, part, source, keepNeeds)
	if err != nil {
		return nil, err
	}
	git, err := newProgram(ctx, part.Root)
	if err != nil {
		return nil, err
	}
	c := comparison{git: git, before: before, live: live, label: label}
	keeps, err := c.keeps(ctx)
	if err != nil || len(keeps) == 0 {
		return nil, err
	}
	k := &keepsake{git: git, keeps: keeps}
	if err := k.pack(ctx, c.known); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// keepsake is what was made since: a pack with its objects, and the refs.
type keepsake struct {
	git   *program
	keeps []keep
	dir   string // private, holds the pack
}

// keep is one ref to be put back.
type keep struct {
	ref  string
	id   string
	old  string // what the part has under that name, or ""
	what string
}

// pack writes the objects that only the kept refs need. Restoring removes
// every object that the part does not have.
func (k *keepsake) pack(ctx context.Context, known []string) (err error) {
	if k.dir, err = os.MkdirTemp("", "dogear-keep-"); err != nil {
		return err
	}
	f, err := os.OpenFile(k.file(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var revisions bytes.Buffer
	for _, kept := range k.keeps {
		fmt.Fprintln(&revisions, kept.id)
	}
	for _, id := range known {
		fmt.Fprintln(&revisions, "^"+id)
	}
	c := k.git.command("pack-objects", "--revs", "--stdout", "-q")
	c.Stdin, c.Stdout = &revisions, f
	if _, err := proc.Run(ctx, c); err != nil {
		return fmt.Errorf("pack the commits made since: %w", err)
	}
	return nil
}

func (k *keepsake) file() string { return filepath.Join(k.dir, "kept.pack") }

// PutBack puts the objects and the refs back.
func (k *keepsake) PutBack(ctx context.Context) (_ []kind.Kept, err error) {
	if err := k.unpack(ctx); err != nil {
		return nil, err
	}
	var updates bytes.Buffer
	for _, kept := range k.keeps {
		old := kept.old
		if old == "" {
			old = strings.Repeat("0", len(kept.id))
		}
		fmt.Fprintf(&updates, "update %s\x00%s\x00%s\x00", kept.ref, kept.id, old)
	}
	c := k.git.command("update-ref", "-m", "dogear: kept", "--stdin", "-z")
	c.Stdin = &updates
	if _, err := proc.Run(ctx, c); err != nil {
		return nil, fmt.Errorf("put back branches and tags: %w", err)
	}
	var all []kind.Kept
	for _, kept := range k.keeps {
		all = append(all, kind.Kept{What: kept.what, Facts: []string{kept.ref, "reflog " + kept.ref}})
	}
	return all, nil
}

func (k *keepsake) unpack(ctx context.Context) (err error) {
	f, err := os.Open(k.file())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	c := k.git.command("index-pack", "--stdin", "--fix-thin")
	c.Stdin = f
	if _, err := proc.Run(ctx, c); err != nil {
		return fmt.Errorf("put back the commits made since: %w", err)
	}
	return nil
}

// Close removes what was taken aside.
func (k *keepsake) Close() error {
	if k.dir == "" {
		return nil
	}
	dir := k.dir
	k.dir = ""
	return os.RemoveAll(dir)
}

// sortKeeps puts the refs in order, each name once.
func sortKeeps(keeps []keep) []keep {
	slices.SortFunc(keeps, func(a, b keep) int { return kind.CompareNames(a.ref, b.ref) })
	return slices.CompactFunc(keeps, func(a, b keep) bool { return a.ref == b.ref })
}
