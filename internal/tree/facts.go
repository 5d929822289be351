package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"dogear/kind"
)

// Facts returns one fact for each entry, under the name prefix+path; the root
// goes by the prefix, or "." if there is none. Entries that claimed selects are
// left out, and so is the mtime of the directories that hold them: what
// others speak for comes and goes there by itself. Without claims these are
// the rest facts.
//
// Where holes lie is no fact (it is restored, but a file system may choose),
// nor are the size and link count of a directory.
func Facts(entries iter.Seq2[Entry, error], prefix string, claimed []kind.Pattern) kind.Facts {
	return func(yield func(kind.Fact, error) bool) {
		// "." has its place among the names, after "-x" for one.
		var root *kind.Fact
		for e, err := range entries {
			if err != nil {
				yield(kind.Fact{}, err)
				return
			}
			fact := kind.Fact{Name: prefix + e.Path, Value: factValue(&e, claimed)}
			switch {
			case e.Path != "" && kind.MatchAny(claimed, e.Path):
				continue
			case fact.Name == "":
				root = &kind.Fact{Name: ".", Value: fact.Value}
				continue
			case root != nil && kind.CompareNames(root.Name, fact.Name) < 0:
				if !yield(*root, nil) {
					return
				}
				root = nil
			}
			if !yield(fact, nil) {
				return
			}
		}
		if root != nil {
			yield(*root, nil)
		}
	}
}

func factValue(e *Entry, claimed []kind.Pattern) string {
	if e.Type == Boundary {
		return e.Type.String()
	}
	pairs := []string{
		"mode", fmt.Sprintf("%04o", e.Mode),
		"uid", strconv.FormatUint(uint64(e.UID), 10),
		"gid", strconv.FormatUint(uint64(e.GID), 10),
	}
	if e.Type != Folder || !holdsClaimed(claimed, e.Path) {
		pairs = append(pairs, "mtime", time.Unix(e.Sec, e.Nsec).UTC().Format("2006-01-02T15:04:05.000000000Z"))
	}
	pairs = append(pairs, typeFacts(e)...)
	for _, x := range e.Xattrs {
		pairs = append(pairs, "xattr."+attributeName(x.Name), xattrValue(x.Value))
	}
	pairs = append(pairs, "link", e.Group)
	if e.Unread {
		pairs = append(pairs, "unread", "yes")
	}
	return kind.Attributes(e.Type.String(), pairs...)
}

func typeFacts(e *Entry) []string {
	switch e.Type {
	case Regular:
		if e.Unread {
			return []string{"size", strconv.FormatInt(e.Size, 10)}
		}
		digest := "sha256"
		if e.isPaged() {
			digest = "sha256-blocks"
		}
		return []string{"size", strconv.FormatInt(e.Size, 10), digest, hex.EncodeToString(e.Digest[:])}
	case Symlink:
		return []string{"target", e.Target}
	case CharDev, BlockDev:
		return []string{"device", fmt.Sprintf("%d:%d", unix.Major(e.Device), unix.Minor(e.Device))}
	}
	return nil
}

// holdsClaimed reports whether claimed entries may lie directly in a
// directory. Patterns for any depth say nothing about a directory.
func holdsClaimed(claimed []kind.Pattern, dir string) bool {
	for _, p := range claimed {
		if strings.HasPrefix(string(p), "**/") {
			continue
		}
		parent, _ := split(string(p))
		if ok, err := path.Match(parent, dir); err == nil && ok {
			return true
		}
	}
	return false
}

// attributeName makes the name of an extended attribute a key.
func attributeName(name string) string {
	return strings.NewReplacer(" ", `\x20`, "=", `\x3d`).Replace(kind.Printable(name))
}

// xattrValue writes short values out; longer ones go by their digest.
func xattrValue(value []byte) string {
	if len(value) <= sha256.Size {
		return "0x" + hex.EncodeToString(value)
	}
	sum := sha256.Sum256(value)
	return "sha256:" + hex.EncodeToString(sum[:])
}
