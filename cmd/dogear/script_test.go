package main

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"dogear/internal/testbed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dogear": main})
}

// TestScripts runs the users' sessions in testdata/script. Each has a home, a
// store and a workspace of its own, and no engine.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           testbed.Has, // [flock]: this machine has it, or should
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"clean":     clean,
			"sqlite":    runSQL,
			"workspace": layOut,
			"until":     until,
			"forge":     forge,
		},
	})
}

func setUp(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	env.Setenv("DOGEAR_STORE", filepath.Join(env.WorkDir, "store"))
	env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "no-engine.sock"))
	env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	env.Setenv("GIT_AUTHOR_NAME", "Ada")
	env.Setenv("GIT_AUTHOR_EMAIL", "ada@example.com")
	env.Setenv("GIT_COMMITTER_NAME", "Ada")
	env.Setenv("GIT_COMMITTER_EMAIL", "ada@example.com")
	return os.Mkdir(home, 0o700)
}

// exits CODE PROGRAM ARGS... runs a program that ends with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	have := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		have = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if have != want {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), have, want)
	}
}

// clean [DIR] asserts that nothing is left behind in the store or in DIR (the
// current directory): no socket, no lock, no journal, no unfinished file.
func clean(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: clean [dir]")
	}
	store := ts.Getenv("DOGEAR_STORE")
	dirs := append([]string{".", store}, args...)
	for _, dir := range dirs {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, _ fs.DirEntry, err error) error {
			name := filepath.Base(path)
			if name == "agent.sock" || strings.HasPrefix(name, ".dogear-tmp-") {
				ts.Fatalf("%s was left behind", path)
			}
			return err
		}))
	}
	for _, dir := range []string{"journal", "incoming"} {
		entries, err := os.ReadDir(filepath.Join(store, dir))
		ts.Check(err)
		if len(entries) > 0 {
			ts.Fatalf("%s was left behind in %s", entries[0].Name(), dir)
		}
	}
	if content := ts.ReadFile(filepath.Join(store, "lock")); content != "" {
		ts.Fatalf("the store is still locked by %s", content)
	}
}

// sqlite FILE SQL runs a statement; rows go to standard output of the script.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite file statement")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	rows, err := db.Query(args[1])
	ts.Check(err)
	for rows.Next() {
		var value string
		ts.Check(rows.Scan(&value))
		fmt.Fprintln(ts.Stdout(), value)
	}
	ts.Check(errors.Join(rows.Err(), rows.Close(), db.Close()))
}

// layOut makes the sample workspace: a repository in the middle of something,
// plain files beside it, an SQLite database in WAL mode.
func layOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: workspace dir")
	}
	dir := ts.MkAbs(args[0])
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
		ts.Check(os.WriteFile(path, []byte(content), 0o644))
	}
	git := func(args ...string) {
		ts.Check(ts.Exec("git", append([]string{"-C", filepath.Join(dir, "app")}, args...)...))
	}
	write("app/main.go", "package main\n")
	write("app/README.md", "one\n")
	write("app/.gitignore", ".env\n")
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	git("branch", "feature")
	write("app/README.md", "one\ntwo\n")
	git("add", "README.md")
	write("app/README.md", "one\ntwo\nthree\n")
	write("app/.env", "TOKEN=hunter2\n")
	write("app/notes.txt", "untracked\n")
	write("docs/plan.txt", "a plan\n")
	write("dogear.yaml", "dumps: auto\n")
	database := filepath.Join(dir, "data", "shop.db")
	ts.Check(os.Mkdir(filepath.Dir(database), 0o755))
	for _, statement := range []string{"PRAGMA journal_mode=WAL", "CREATE TABLE item (name)", "INSERT INTO item VALUES ('umbrella')"} {
		runSQL(ts, false, []string{database, statement})
	}
}

// until CONDITION FILE waits until a file exists (there) or does not (gone).
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || !slices.Contains([]string{"there", "gone"}, args[0]) {
		ts.Fatalf("usage: until there|gone file")
	}
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		_, err := os.Lstat(ts.MkAbs(args[1]))
		if (err == nil) == (args[0] == "there") {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	ts.Fatalf("%s is not %s after 10 s", args[1], args[0])
}

// forge FILE OLD NEW changes the body of a record of the store, and makes its
// checksum right again.
func forge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: forge file old new")
	}
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	head, body, found := strings.Cut(strings.TrimSuffix(string(content), "}\n"), `"body":`)
	if !found || !strings.Contains(body, args[1]) {
		ts.Fatalf("there is no %q in the body of %s", args[1], path)
	}
	forged := strings.Replace(body, args[1], args[2], 1)
	sum := func(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(body))) }
	head = strings.Replace(head, sum(body), sum(forged), 1)
	ts.Check(os.WriteFile(path, []byte(head+`"body":`+forged+"}\n"), 0o600))
}
