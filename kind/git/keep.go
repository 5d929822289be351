package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dogear/internal/proc"
	"dogear/kind"
)

var _ kind.Keeper = (*Driver)(nil)

// keepNeeds is what Keep reads of a part: its refs, which branches are checked
// out, and the logs, which know of commits that no ref has.
var keepNeeds = []string{
	"HEAD", "packed-refs", "refs", "logs", "rebase-*/head-name",
	"worktrees/*/HEAD", "worktrees/*/logs", "worktrees/*/rebase-*/head-name",
}

// Keep takes aside what was made in the repository and its submodules since the
// part was captured: branches, tags and other refs that were created or
// advanced, stashes, commits that a branch would lose or that are on none. What
// it cannot take aside it names.
func (*Driver) Keep(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source, label string) (kind.Keepsake, error) {
	if stays(ws, part.Root) {
		return nil, nil
	}
	live, err := readState(part.Root)
	if errors.Is(err, kind.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	before, err := capturedState(ctx, part, source, patterns(live.dirs, keepNeeds))
	if err != nil {
		return nil, err
	}
	others, err := foreignTo(ctx, ws, part, source)
	if err != nil {
		return nil, err
	}
	k := &keepsake{}
	if err := k.gather(ctx, part, source, comparison{before: before, live: live, label: label, foreign: others}); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	if len(k.repositories) == 0 && len(k.named) == 0 {
		return nil, k.Close()
	}
	return k, nil
}

// keepsake is what was made since.
type keepsake struct {
	repositories []*keptRefs
	named        []kind.Kept // and nothing else
}

func (k *keepsake) gather(ctx context.Context, part kind.Part, source kind.Source, what comparison) error {
	for _, dir := range what.live.repositories() {
		if _, existed := what.before.files[dir+"/HEAD"]; !existed {
			k.name("%sall of it, made since", whose(dir))
			continue
		}
		c := what
		c.dir = dir
		refs, err := c.run(ctx, part.Root)
		if refs != nil {
			k.repositories = append(k.repositories, refs)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		for _, text := range c.unnamed {
			k.name("%s", whose(dir)+text)
		}
	}
	changed, err := uncommitted(ctx, what.live, part, source)
	for _, text := range changed {
		k.name("%s", text)
	}
	return err
}

func (k *keepsake) name(format string, args ...any) {
	k.named = append(k.named, kind.Kept{What: fmt.Sprintf(format, args...), NotKept: true})
}

// whose says that something is in a submodule.
func whose(dir string) string {
	if name, ok := strings.CutPrefix(dir, ".git/modules/"); ok {
		return "submodule " + kind.Printable(name) + ": "
	}
	return ""
}

// repositories lists the git directories that have refs of their own: not
// those of linked worktrees.
func (s *state) repositories() []string {
	return slices.DeleteFunc(slices.Clone(s.dirs), func(dir string) bool { return s.common(dir) != dir })
}

// common returns the git directory that has the refs of another one: that of
// the main worktree for a linked one, and else the same.
func (s *state) common(dir string) string {
	if parent := path.Dir(dir); path.Base(parent) == "worktrees" && slices.Contains(s.dirs, path.Dir(parent)) {
		return path.Dir(parent)
	}
	return dir
}

// hasTables reports whether refs are in the format reftable, which this package
// can read and git alone write.
func (s *state) hasTables(dir string) bool { return s.has(s.common(dir), "reftable") }

// PutBack puts the objects and the refs back.
func (k *keepsake) PutBack(ctx context.Context) ([]kind.Kept, error) {
	all := slices.Clone(k.named)
	for _, r := range k.repositories {
		kept, err := r.putBack(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, kept...)
	}
	return all, nil
}

// Close removes what was taken aside.
func (k *keepsake) Close() error {
	var errs []error
	for _, r := range k.repositories {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// keptRefs is what was made in one repository: refs, and a pack with their
// objects.
type keptRefs struct {
	git     *program
	gitDir  string // relative to the part's root
	keeps   []keep
	private string // a directory that holds the pack
}

// keep is one ref to be put back.
type keep struct {
	ref  string
	id   string
	old  string // what the part has under that name, or ""
	what string // "": the ref before it says it
}

// pack writes the objects that only the kept refs need. Restoring removes
// every object that the part does not have.
func (k *keptRefs) pack(ctx context.Context, known []string) (err error) {
	if k.private, err = os.MkdirTemp("", "dogear-keep-"); err != nil {
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

func (k *keptRefs) file() string { return filepath.Join(k.private, "kept.pack") }

func (k *keptRefs) putBack(ctx context.Context) ([]kind.Kept, error) {
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
	return k.list(), nil
}

// list says what was put back. Refs that share a line have their facts in it.
func (k *keptRefs) list() []kind.Kept {
	var all []kind.Kept
	prefix := factPrefix(k.gitDir)
	for _, kept := range k.keeps {
		if kept.what != "" {
			all = append(all, kind.Kept{What: whose(k.gitDir) + kept.what})
		}
		last := &all[len(all)-1]
		last.Facts = append(last.Facts, prefix+kept.ref, prefix+"reflog "+kept.ref)
	}
	return all
}

func (k *keptRefs) unpack(ctx context.Context) (err error) {
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

func (k *keptRefs) close() error {
	if k.private == "" {
		return nil
	}
	dir := k.private
	k.private = ""
	return os.RemoveAll(dir)
}
