package redis_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
	"dogear/kind"
)

var digests = regexp.MustCompile(`\(sha256 [0-9a-f]{32}\)`)

// Key by key: what was added, removed and changed, with type and deadline, and
// values only if they are asked for. A key that has expired by itself is none
// of these: without the look at deadlines it is one that was removed.
func TestWhatLiesBehindDifferences(t *testing.T) {
	r := newRig(t)
	r.do("set token \"quite secret\"\nset retyped 1\nset soon 1 px 3000\n" + everything)
	part, _ := r.take(nil)
	r.do(`set plain "a new secret"
del token
hset hash field other
zadd zset 9.5 one
del retyped
sadd retyped a
rpush list x
set fresh "\x00bin" pxat 4102444800999
set "bin\x00\xff\n key" other
set long ` + strings.Repeat("x", 300) + `
select 3
persist mortal
pexpireat mortal:hash 4102444800457
del elsewhere`)
	testbed.Eventually(t, wait, "the key expires", func() bool { return r.do("exists soon") == "0" })
	later, _ := r.take(nil)
	live := kind.State{Part: kind.Part{ID: part.ID, RunsIn: part.RunsIn}}
	for _, other := range []kind.State{{Part: later, Source: r.store}, live} {
		explain := func(how kind.Explaining) kind.Explanation {
			var all []kind.Explanation
			for e, err := range r.driver.Explain(t.Context(), r.ws, kind.State{Part: part, Source: r.store}, other, how) {
				require.NoError(t, err)
				all = append(all, e)
			}
			require.Len(t, all, 1)
			return all[0]
		}
		brief := explain(kind.Explaining{})
		require.Equal(t, "1 key added, 2 removed, 9 changed", brief.Summary)
		require.Empty(t, brief.Lines)
		details := explain(kind.Explaining{Details: true})
		require.Equal(t, []string{
			`~ db=0 key=bin\x00\xff\x0a key: value`,
			`+ db=0 key=fresh type=string expires=2100-01-01T00:00:00.999Z`,
			`~ db=0 key=hash: value`,
			`~ db=0 key=list: value`,
			`~ db=0 key=long: value`,
			`~ db=0 key=plain: value`,
			`~ db=0 key=retyped: type=string -> set, value`,
			`- db=0 key=token type=string expires=never`,
			`~ db=0 key=zset: value`,
			`- db=3 key=elsewhere type=string expires=never`,
			`~ db=3 key=mortal: expires=2100-01-01T00:00:00.123Z -> never`,
			`~ db=3 key=mortal:hash: expires=2100-01-01T00:00:00.456Z -> 2100-01-01T00:00:00.457Z`,
		}, details.Lines)
		require.NotContains(t, fmt.Sprint(brief, details), "secret")
		values := explain(kind.Explaining{Details: true, Values: true}).Lines
		require.Contains(t, values, `- db=0 key=token type=string expires=never value="quite secret"`)
		require.Contains(t, values, `~ db=0 key=plain: value="value" -> "a new secret"`)
		require.Contains(t, values, `+ db=0 key=fresh type=string expires=2100-01-01T00:00:00.999Z value="\x00bin"`)
		for _, line := range []string{
			`~ db=0 key=hash: value=[""="empty" "field"="value" "n"=1] DIGEST -> [""="empty" "field"="other" "n"=1] DIGEST`,
			`~ db=0 key=zset: value=["high"="+Inf" "huge"="1e+300" "low"="-Inf" "one"=1 "two"="2.5"] DIGEST -> ["high"="+Inf" "huge"="1e+300" "low"="-Inf" "one"="9.5" "two"="2.5"] DIGEST`,
			`~ db=0 key=list: value=["a" "b" "c" 1 -5 300 70000 -9000000 5000000000 "" "a"] DIGEST -> ["a" "b" "c" 1 -5 300 70000 -9000000 5000000000 "" "a" "x"] DIGEST`,
			`~ db=0 key=long: value="` + strings.Repeat("abc ", 30) + `"… DIGEST -> "` + strings.Repeat("x", 120) + `"… DIGEST`,
		} {
			require.Contains(t, digests.ReplaceAllString(strings.Join(values, "\n"), "DIGEST"), line)
		}
	}
}
