package snapshot_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/kind"
	"dogear/snapshot"
)

func facts(pairs ...string) kind.Facts {
	var fs []kind.Fact
	for i := 0; i < len(pairs); i += 2 {
		fs = append(fs, kind.Fact{Name: pairs[i], Value: pairs[i+1]})
	}
	return kind.Stream(fs)
}

func diff(t *testing.T, want, have kind.Facts) []snapshot.Difference {
	t.Helper()
	var out []snapshot.Difference
	for d, err := range snapshot.Diff(id("files/."), snapshot.Running, want, have) {
		require.NoError(t, err)
		out = append(out, d)
	}
	return out
}

func TestDiff(t *testing.T) {
	d := func(fact, want, have string) snapshot.Difference {
		return snapshot.Difference{Part: id("files/."), Fact: fact, Want: want, Have: have, Half: snapshot.Running}
	}
	for name, c := range map[string]struct {
		want, have kind.Facts
		out        []snapshot.Difference
	}{
		"nothing":        {facts(), facts(), nil},
		"equal":          {facts("a", "1", "b", "2"), facts("a", "1", "b", "2"), nil},
		"changed":        {facts("a", "1", "b", "2"), facts("a", "1", "b", "3"), []snapshot.Difference{d("b", "2", "3")}},
		"missing":        {facts("a", "1", "b", "2"), facts("b", "2"), []snapshot.Difference{d("a", "1", "")}},
		"missing at end": {facts("a", "1", "b", "2"), facts("a", "1"), []snapshot.Difference{d("b", "2", "")}},
		"extra":          {facts("b", "2"), facts("a", "1", "b", "2", "c", "3"), []snapshot.Difference{d("a", "", "1"), d("c", "", "3")}},
		"empty value":    {facts("a", ""), facts(), []snapshot.Difference{d("a", `""`, "")}},
		"only what differs": {
			facts("a", "file mode=0644 size=1"), facts("a", "file mode=0600 size=1"),
			[]snapshot.Difference{d("a", "mode=0644", "mode=0600")},
		},
		"another type": {
			facts("a", "file mode=0644 size=1"), facts("a", "link mode=0777 target=b"),
			[]snapshot.Difference{d("a", "file mode=0644 size=1", "link mode=0777 target=b")},
		},
		"directory before its neighbours": {
			facts("a", "1", "a/b", "2", "a-b", "3"), facts("a", "1", "a-b", "3"),
			[]snapshot.Difference{d("a/b", "2", "")},
		},
		"harmless on a terminal": {
			facts("a\n\xff", "1"), facts("a\n\xff", "\x1b[31m"), []snapshot.Difference{d(`a\x0a\xff`, "1", `\x1b[31m`)},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.out, diff(t, c.want, c.have)) })
	}
}

func TestDiffPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	for name, sides := range map[string][2]kind.Facts{
		"want": {kind.FailedFacts(broken), facts("a", "1")},
		"have": {facts("a", "1"), kind.FailedFacts(broken)},
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			for _, err := range snapshot.Diff(id("files/."), snapshot.Running, sides[0], sides[1]) {
				last = err
			}
			require.ErrorIs(t, last, broken)
		})
	}
}
