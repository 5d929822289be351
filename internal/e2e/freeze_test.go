package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/internal/testbed"
)

// TestFreezeIsWhatOthersSee (D16): the freeze that a save reports is the longest
// that a client of a container waits for an answer meanwhile. The engine is slow
// to freeze another container, and to thaw this one: counted from the last
// freeze, or to the first thaw, it would be too short by that. On a busy machine
// a client waits for other reasons too, so it has to agree once.
func TestFreezeIsWhatOthersSee(t *testing.T) {
	const slow, tolerance, tries = 400 * time.Millisecond, 150 * time.Millisecond, 6
	r, container := small(t)
	other := testbed.Container(t, "busybox", []string{
		"--network=none", "--label=com.docker.compose.project=small", "--label=com.docker.compose.project.working_dir=" + r.Dir,
	}, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
	late := map[string]string{testbed.Inspect(t, other, ".Id"): "pause", testbed.Inspect(t, container, ".Id"): "unpause"}
	c := newClient(t, container)
	t.Setenv("DOCKER_HOST", testbed.EngineProxy(t, func(_ http.ResponseWriter, req *http.Request) bool {
		if late[path.Base(path.Dir(req.URL.Path))] == path.Base(req.URL.Path) {
			<-time.After(slow)
		}
		return false
	}))
	var differences []time.Duration
	for range tries {
		c.begin()
		freeze := time.Duration(r.json(done, "save").Timings.FreezeMS) * time.Millisecond
		gap := c.longestWait(t)
		require.Greater(t, gap, 2*slow, "it was frozen until then")
		if difference := (gap - freeze).Abs(); difference < tolerance {
			return
		}
		differences = append(differences, gap-freeze)
	}
	require.Fail(t, "the freeze is not what a client sees", "longest wait less freeze: %v", differences)
}

// client asks a container for an answer every 2 ms.
type client struct {
	mu      sync.Mutex
	last    time.Time     // of the answers
	longest time.Duration // between two answers since begin
}

// newClient begins to ask, until the end of the test.
func newClient(t *testing.T, container string) *client {
	t.Helper()
	cmd := exec.Command("docker", "exec", "--interactive", container, "cat")
	questions, err := cmd.StdinPipe()
	require.NoError(t, err)
	answers, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &client{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.ask(questions, bufio.NewReader(answers))
	}()
	t.Cleanup(func() {
		_ = questions.Close() // cat ends with that
		<-ended
		_ = cmd.Wait()
	})
	return c
}

func (c *client) ask(questions io.Writer, answers *bufio.Reader) {
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		if _, err := io.WriteString(questions, "still there?\n"); err != nil {
			tick.Stop()
			return
		}
		if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "still") {
			tick.Stop()
			return
		}
		c.answered(time.Now())
	}
}

func (c *client) answered(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.last.IsZero() {
		c.longest = max(c.longest, now.Sub(c.last))
	}
	c.last = now
}

func (c *client) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.longest = 0
}

// longestWait waits for one more answer: what came last may be from before.
func (c *client) longestWait(t *testing.T) (longest time.Duration) {
	t.Helper()
	asked := time.Now()
	testbed.Eventually(t, testbedLimit, "the container answers", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		longest = c.longest
		return c.last.After(asked)
	})
	return longest
}
