package testbed

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Redis starts a Redis server of an image ("bookworm": 7.0, "trixie": 8.0) for this test, with its data in
// /var/lib/redis, and returns its container. options are flags of `docker run`, arguments those of the server.
func Redis(t testing.TB, image string, options []string, arguments ...string) string {
	t.Helper()
	options = append([]string{"--user=redis", "--volume=" + Volume(t) + ":/var/lib/redis"}, options...)
	container := Container(t, image, options, append([]string{
		"redis-server", "--dir", "/var/lib/redis", "--bind", "0.0.0.0", "--protected-mode", "no",
	}, arguments...)...)
	WaitForRedis(t, container)
	return container
}

// WaitForRedis waits until a server has loaded its files. One that wants a password first has.
func WaitForRedis(t testing.TB, container string) {
	t.Helper()
	Eventually(t, time.Minute, "Redis answers in "+container, func() bool {
		answer, _ := exec.Command("docker", "exec", container, "redis-cli", "ping").Output()
		return strings.HasPrefix(string(answer), "PONG") || strings.HasPrefix(string(answer), "NOAUTH")
	})
}

// RedisDo runs commands, one on each line as redis-cli takes them, and returns the answers. None may fail.
func RedisDo(t testing.TB, container, commands string) string {
	t.Helper()
	require.NotEmpty(t, container, "no such container")
	return RunInput(t, commands, "docker", "exec", "--interactive", container, "redis-cli", "-e")
}
