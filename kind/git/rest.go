package git

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"syscall"

	"dogear/internal/tree"
	"dogear/kind"
)

// At rest every byte is compared, but for two things that git changes
// whenever it looks: the times of what lies in .git, and the stat cache in
// the index. Of an index that this package can read, its meaning is compared.

// InspectRest returns the rest facts of the live tree.
func (*Driver) InspectRest(ctx context.Context, ws *kind.Workspace, item kind.Item) kind.Facts {
	dirs, err := gitDirs(item.Root)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return restFacts(tree.New(item.Root).Entries(ctx, options(ws, item, dirs)), func(e tree.Entry) ([]byte, error) {
		return readBelowRoot(item.Root, e.Path)
	})
}

// Rest returns the rest facts of a captured tree.
func (*Driver) Rest(ctx context.Context, part kind.Part, source kind.Source) kind.Facts {
	manifest, err := manifestOf(part)
	if err != nil {
		return kind.FailedFacts(err)
	}
	return restFacts(tree.ReadManifest(ctx, source, manifest), func(e tree.Entry) ([]byte, error) {
		return contentOf(ctx, e, source)
	})
}

func restFacts(entries iter.Seq2[tree.Entry, error], read func(tree.Entry) ([]byte, error)) kind.Facts {
	return tree.Facts(func(yield func(tree.Entry, error) bool) {
		for e, err := range timeless(entries) {
			if err == nil && isIndex(e) {
				var content []byte
				if content, err = read(e); err == nil {
					e.Size, e.Digest = meaning(content)
				}
			}
			if !yield(e, err) {
				return
			}
		}
	}, "./", nil)
}

func isIndex(e tree.Entry) bool {
	inGit := e.Path == ".git/index" || strings.HasPrefix(e.Path, ".git/worktrees/") || strings.HasPrefix(e.Path, ".git/modules/")
	return inGit && path.Base(e.Path) == "index" && e.Type == tree.Regular && !e.Unread
}

// meaning returns the number of entries of an index and a digest of all that
// it says but for its stat cache. A file that is no index, or rests on
// another one, means its bytes.
func meaning(content []byte) (int64, [32]byte) {
	raw := int64(len(content))
	hashSize := hashSizeByChecksum(content)
	if hashSize == 0 {
		return raw, sha256.Sum256(content)
	}
	ix, err := parseIndex(content, hashSize)
	if err != nil || ix.link(hashSize) != "" {
		return raw, sha256.Sum256(content)
	}
	h := sha256.New()
	for _, f := range entryFacts(ix.entries) {
		h.Write([]byte(f.Name + "\x00" + f.Value + "\x00"))
	}
	h.Write(ix.extensions["REUC"])
	return int64(len(ix.entries)), [32]byte(h.Sum(nil))
}

// hashSizeByChecksum tells by the checksum at its end which hash an index
// uses; 0 if neither fits.
func hashSizeByChecksum(content []byte) int {
	if n := len(content) - sha1.Size; n > 0 {
		if sum := sha1.Sum(content[:n]); bytes.Equal(sum[:], content[n:]) {
			return sha1.Size
		}
	}
	if n := len(content) - sha256.Size; n > 0 {
		if sum := sha256.Sum256(content[:n]); bytes.Equal(sum[:], content[n:]) {
			return sha256.Size
		}
	}
	return 0
}

func readBelowRoot(root, name string) (content []byte, err error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return readFile(dir, name)
}

// sameIndexes lists the index files that mean the same live as in the part.
func sameIndexes(ctx context.Context, part kind.Part, source kind.Source) ([]tree.Entry, error) {
	manifest, err := manifestOf(part)
	if err != nil {
		return nil, err
	}
	var same []tree.Entry
	for e, err := range gitEntries(tree.ReadManifest(ctx, source, manifest)) {
		if err != nil {
			return nil, err
		}
		if !isIndex(e) {
			continue
		}
		equal, err := isSameIndex(ctx, part, source, e)
		if err != nil {
			return nil, err
		}
		if equal {
			same = append(same, e)
		}
	}
	return same, nil
}

func isSameIndex(ctx context.Context, part kind.Part, source kind.Source, e tree.Entry) (bool, error) {
	live, err := readBelowRoot(part.Root, e.Path)
	if err != nil {
		return false, ignoreUnreadable(err)
	}
	info, err := os.Lstat(path.Join(part.Root, e.Path))
	if err != nil {
		return false, ignoreUnreadable(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Mode&0o7777 != e.Mode || stat.Uid != e.UID || stat.Gid != e.GID || len(e.Xattrs) > 0 {
		return false, nil
	}
	captured, err := contentOf(ctx, e, source)
	if err != nil {
		return false, err
	}
	n, digest := meaning(captured)
	m, liveDigest := meaning(live)
	return n == m && digest == liveDigest && bytes.Equal(treesOf(captured), treesOf(live)), nil
}

// treesOf returns which trees an index says its entries make up. A restore
// removes trees that the part does not have, and git would miss them.
func treesOf(content []byte) []byte {
	hashSize := hashSizeByChecksum(content)
	if ix, err := parseIndex(content, hashSize); hashSize != 0 && err == nil {
		return ix.extensions["TREE"]
	}
	return nil
}

// ignoreUnreadable makes what is not there, or something else now, no error:
// the tree engine deals with it.
func ignoreUnreadable(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return nil
	}
	return err
}

// gitEntries passes on the entries in .git and stops after them.
func gitEntries(entries iter.Seq2[tree.Entry, error]) iter.Seq2[tree.Entry, error] {
	return func(yield func(tree.Entry, error) bool) {
		begun := false
		for e, err := range entries {
			in := e.Path == ".git" || strings.HasPrefix(e.Path, ".git/")
			if begun && !in && err == nil {
				return
			}
			begun = begun || in
			if (in || err != nil) && !yield(e, err) {
				return
			}
		}
	}
}
