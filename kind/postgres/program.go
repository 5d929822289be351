package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"dogear/internal/proc"
)

// run runs a client program that comes with a server: where the server is, if
// it runs in a container, and else on this host. It returns what the program
// complained of if it could not do its work.
func (s *server) run(ctx context.Context, w way, program string, args []string, database string, stdin io.Reader, stdout io.Writer) (string, error) {
	if s.address == "" {
		return s.inside().run(ctx, program, args, w.login, database, stdin, stdout)
	}
	path := newest(program)
	if path == "" {
		return fmt.Sprintf("this host has no %s: install the client programs of Postgres, of the server's version or a newer one", program), nil
	}
	env, err := environment(s.address, database)
	if err != nil {
		return "", err
	}
	if database != "" && program == "pg_dump" {
		args = append(slices.Clone(args), "--dbname="+database)
	}
	var stderr bytes.Buffer
	_, err = proc.Run(ctx, proc.Command{
		Name: path, Args: append([]string{"--no-password"}, args...), Env: env, Drop: []string{"PG"}, Stdin: stdin, Stdout: stdout,
	})
	var failed *proc.Error
	if errors.As(err, &failed) {
		stderr.WriteString(failed.Stderr)
		return orStatus(stderr.String(), failed.Code()), nil
	}
	return "", err
}

func orStatus(complaint string, code int) string {
	if complaint == "" {
		return fmt.Sprintf("it ended with status %d", code)
	}
	return complaint
}

// newest finds a program of Postgres's newest version on this host: it can talk
// to any older server.
func newest(program string) string {
	best, path := 0, ""
	found, _ := filepath.Glob(filepath.Join("/usr/lib/postgresql", "*", "bin", program)) // the pattern is a good one
	for _, f := range found {
		if major, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(f)))); err == nil && major > best {
			best, path = major, f
		}
	}
	if path != "" {
		return path
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		f := filepath.Join(dir, program)
		if info, err := os.Stat(f); err == nil && !info.IsDir() {
			return f
		}
	}
	return ""
}

// environment says in variables what an address says: arguments can be read by
// everybody.
func environment(address, database string) ([]string, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the dsn cannot be understood")
	}
	env := []string{
		"PGHOST=" + config.Host, "PGPORT=" + strconv.Itoa(int(config.Port)), "PGUSER=" + config.User, "PGDATABASE=" + database,
		"PGAPPNAME=" + applicationName,
	}
	if config.Password != "" {
		env = append(env, "PGPASSWORD="+config.Password)
	}
	for _, m := range sslSetting.FindAllStringSubmatch(address, -1) {
		env = append(env, "PG"+strings.ToUpper(m[1])+"="+strings.Trim(m[2], "'"))
	}
	return env, nil
}

var sslSetting = regexp.MustCompile(`\b(sslmode|sslrootcert|sslcert|sslkey)=([^&\s]+)`)
