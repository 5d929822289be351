package testbed

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

const projectLabel = "label=com.docker.compose.project="

// Containers returns the ids of the project's containers by service, running or not.
func (s *Shop) Containers() map[string]string {
	s.t.Helper()
	ids := map[string]string{}
	for line := range strings.Lines(Docker(s.t, "ps", "--all", "--no-trunc", "--filter", projectLabel+s.Project,
		"--format", `{{.Label "com.docker.compose.service"}} {{.ID}}`)) {
		service, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids[service] = id
	}
	return ids
}

// Container returns the id of a service's container, or "" if there is none.
func (s *Shop) Container(service string) string {
	s.t.Helper()
	return s.Containers()[service]
}

// Volumes returns the names of the volumes with the project's label. Anonymous ones have none: see AnonymousVolume.
func (s *Shop) Volumes() []string {
	s.t.Helper()
	return strings.Fields(Docker(s.t, "volume", "ls", "--quiet", "--filter", projectLabel+s.Project))
}

// Networks returns the names of the project's networks.
func (s *Shop) Networks() []string {
	s.t.Helper()
	return strings.Fields(Docker(s.t, "network", "ls", "--format", "{{.Name}}", "--filter", projectLabel+s.Project))
}

// AnonymousVolume returns the name of the volume that holds worker's spool.
func (s *Shop) AnonymousVolume() string {
	s.t.Helper()
	return Inspect(s.t, s.Container("worker"), `range .Mounts}}{{if eq .Type "volume"}}{{.Name}}{{end}}{{end`)
}

// Image returns the reference of the image that the shop's own services run.
func (s *Shop) Image() string { return imageRef(s.Project) }

// Exec runs a command in a service's container.
func (s *Shop) Exec(service string, command ...string) string {
	s.t.Helper()
	return Exec(s.t, s.Container(service), command...)
}

// SQL runs statements in the shop's database and returns the rows, fields separated by "|".
func (s *Shop) SQL(statements string) string {
	s.t.Helper()
	return SQL(s.t, s.Container("db"), statements)
}

// Redis runs one Redis command.
func (s *Shop) Redis(command ...string) string {
	s.t.Helper()
	return s.Exec("redis", append([]string{"redis-cli"}, command...)...)
}

// WaitHealthy waits until a service is running and, if it has a health check, healthy.
func (s *Shop) WaitHealthy(services ...string) {
	s.t.Helper()
	for _, service := range services {
		Eventually(s.t, 90*time.Second, service+" is healthy", func() bool {
			return Inspect(s.t, s.Container(service),
				`.State.Status}} {{with .State.Health}}{{.Status}}{{else}}healthy{{end`) == "running healthy"
		})
	}
}

// StartCounter starts the program that writes n to Postgres, then Redis, then a file in a volume, and waits for its
// first number.
func (s *Shop) StartCounter() {
	s.t.Helper()
	// Without its dependencies: they are up, and the one-shot job among them must not run again.
	s.Compose("--profile", "counter", "up", "--detach", "--no-deps", "counter")
	Eventually(s.t, 30*time.Second, "the counter counts", func() bool { return s.Redis("get", "counter") != "" })
}

// StopCounter stops it; its container stays.
func (s *Shop) StopCounter() {
	s.t.Helper()
	Docker(s.t, "stop", s.Container("counter"))
}

// Counted is how far the counter has come in each place.
type Counted struct{ Postgres, Redis, File int64 }

// Counter reads all three. The counter must be stopped, or what it wrote meanwhile makes them differ.
func (s *Shop) Counter() Counted {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "n")
	// Copying works on a stopped container too, volumes included.
	Docker(s.t, "cp", "--quiet", s.Container("counter")+":/var/lib/counter/n", file)
	content, err := os.ReadFile(file)
	require.NoError(s.t, err)
	return Counted{
		Postgres: s.number(s.SQL("select max(n) from counter")),
		Redis:    s.number(s.Redis("get", "counter")),
		File:     s.number(string(content)),
	}
}

// Found returns what the counter found in each place when it was last started, before it went on counting.
func (s *Shop) Found() Counted {
	s.t.Helper()
	var c Counted
	Eventually(s.t, 60*time.Second, "the counter says what it found", func() bool {
		// The engine notes the start a moment after the program has begun to print.
		ended := Inspect(s.t, s.Container("counter"), ".State.FinishedAt")
		lines := strings.Fields(strings.ReplaceAll(Docker(s.t, "logs", "--since", ended, s.Container("counter")), "found", ""))
		if len(lines) < 3 {
			return false
		}
		c = Counted{Postgres: s.number(lines[0]), Redis: s.number(lines[1]), File: s.number(lines[2])}
		return true
	})
	return c
}

// RequireOneInstant fails unless this can be the state at one point in time.
func (c Counted) RequireOneInstant(t require.TestingT) {
	require.GreaterOrEqual(t, c.Postgres, c.Redis, "%+v", c)
	require.GreaterOrEqual(t, c.Redis, c.File, "%+v", c)
	require.LessOrEqual(t, c.Postgres-c.File, int64(1), "%+v", c)
}

func (s *Shop) number(text string) int64 {
	s.t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	require.NoError(s.t, err)
	return n
}
