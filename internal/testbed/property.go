package testbed

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// casesAtOnce is how many cases share a subtest, and so a seed to begin with.
const casesAtOnce = 100

// Property checks what has to hold in each of many random cases: in so many of them, or as many as DOGEAR_CASES says.
// Some are checked side by side. Each has a directory of its own to make something in, which does not exist yet.
//
// A case that fails is reduced to a small one, and its seed is printed: with -rapid.seed it comes first.
func Property(t *testing.T, few int, check func(t testing.TB, r *rapid.T, dir string)) {
	t.Helper()
	for first := 0; first < cases(t, few); first += casesAtOnce {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			t.Parallel()
			n, base := 0, MemoryDir(t)
			rapid.Check(t, func(r *rapid.T) {
				n++
				dir := fmt.Sprintf("%s/%d", base, n)
				check(oneCase{t, r}, r, dir)
				require.NoError(r, os.RemoveAll(dir))
			})
		})
	}
}

// oneCase is the test as a case sees it: what fails is the case, so that it is reduced and its seed printed.
type oneCase struct {
	testing.TB
	r *rapid.T
}

func (c oneCase) Error(args ...any)                 { c.r.Error(args...) }
func (c oneCase) Errorf(format string, args ...any) { c.r.Errorf(format, args...) }
func (c oneCase) Fail()                             { c.r.Fail() }
func (c oneCase) FailNow()                          { c.r.FailNow() }
func (c oneCase) Fatal(args ...any)                 { c.r.Fatal(args...) }
func (c oneCase) Fatalf(format string, args ...any) { c.r.Fatalf(format, args...) }

// Points returns at how many moments something is killed: at so many, or at ten times as many if DOGEAR_SOAK is set.
func Points(few int) int {
	return Times(few, 10*few)
}

// Times returns how often something is repeated: few times, or many if DOGEAR_SOAK is set.
func Times(few, many int) int {
	if os.Getenv("DOGEAR_SOAK") != "" {
		return many
	}
	return few
}

func cases(t testing.TB, few int) int {
	t.Helper()
	said := os.Getenv("DOGEAR_CASES")
	if said == "" {
		return few
	}
	n, err := strconv.Atoi(said)
	require.NoError(t, err, "DOGEAR_CASES")
	return n
}

// MemoryDir returns an empty directory for the length of the test, in memory if there is one that keeps extended
// attributes: nothing is written to a disk there.
func MemoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "dogear-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	if unix.Setxattr(dir, "user.dogear", nil, 0) != nil {
		return t.TempDir()
	}
	return dir
}
