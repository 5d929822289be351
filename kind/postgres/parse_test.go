package postgres

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
	"dogear/kind"
)

func TestServersAmongProcesses(t *testing.T) {
	for argv, want := range map[string]bool{
		"postgres":                       true,
		"postgres -c listen_addresses=*": true,
		"/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql": true,
		"postgres: checkpointer":                                     false,
		"postgres: shop shop 172.18.0.5(40000) idle":                 false,
		"postgres --single -D /data":                                 false,
		"/usr/bin/postgres_exporter":                                 false,
		"bash /opt/db/entrypoint.sh postgres":                        false,
		"":                                                           false,
	} {
		require.Equal(t, want, isServer(argv), argv)
	}
}

func TestCommandLines(t *testing.T) {
	for line, want := range map[string]server{
		"postgres -D /data -p 6000":         {dataDir: "/data", port: 6000},
		"postgres -D/data -c port=6001":     {dataDir: "/data", port: 6001},
		"postgres --pgdata /data -p x":      {dataDir: "/data", port: defaultPort},
		"postgres -c shared_buffers=1GB -D": {port: defaultPort},
	} {
		s := server{port: defaultPort}
		s.readArgv(strings.Fields(line))
		require.Equal(t, want, s, line)
	}
}

func TestTreesOfDataDirectories(t *testing.T) {
	container := kind.ID{Kind: "container", Name: "db"}
	files := kind.Item{ID: kind.ID{Kind: "files", Name: "."}, Root: "/work"}
	git := kind.Item{ID: kind.ID{Kind: "git", Name: "."}, Root: "/work/repo"}
	c := &docker.Container{Mounts: []docker.Mount{
		{Type: "volume", Name: "outer", Destination: "/var/lib"},
		{Type: "volume", Name: "inner", Destination: "/var/lib/postgresql/data"},
		{Type: "bind", Source: "/work/repo/db", Destination: "/srv"},
		{Type: "bind", Source: "/elsewhere", Destination: "/opt"},
		{Type: "tmpfs", Destination: "/run"},
	}}
	for dir, want := range map[string]string{
		"/var/lib/postgresql/data":     "volume/inner:",
		"/var/lib/postgresql/data/a/b": "volume/inner:a/b",
		"/var/lib/postgresql/database": "volume/outer:postgresql/database",
		"/srv/main":                    "git/.:db/main",
		"/opt/main":                    ":",
		"/run/data":                    ":",
		"/data":                        "container/db:data",
	} {
		on, inside := docker.TreeOf(dir, container, c, []kind.Item{files, git})
		require.Equal(t, want, on.String()+":"+inside, dir)
	}
}

func TestKeysOfDumps(t *testing.T) {
	body := "\\restrict other\nselect '\\unrestrict';\n"
	dump := "--\n\\restrict KEY\n" + body + "\\connect x\n\\restrict KEY\n" + body + "\\unrestrict KEY\n"
	require.Equal(t, "--\n"+body+"\\connect x\n"+body, string(withoutKeys([]byte(dump))))
	require.Equal(t, body, string(withoutKeys([]byte(body))), "an older client")
}

func TestPasswordsFromFiles(t *testing.T) {
	read := func(path string) ([]byte, error) {
		require.Equal(t, "/run/secrets/db", path)
		return []byte("from file\n"), nil
	}
	found := logins([]string{"POSTGRES_USER=shop", "POSTGRES_PASSWORD_FILE=/run/secrets/db"}, read)
	require.Equal(t, login{user: "shop", password: "from file"}, found[0])
}

func statementsOf(t *testing.T, text string) []statement {
	t.Helper()
	var all []statement
	script := newScript(strings.NewReader(text))
	for {
		st, err := script.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if st.rows {
			rows, err := io.ReadAll(script.copied())
			require.NoError(t, err)
			st.name = string(rows)
		}
		all = append(all, st)
	}
}

// A script is split where psql would split it.
func TestStatementsOfScripts(t *testing.T) {
	for _, one := range []string{
		`select 'a;b', "c;d"`,
		`select 'it''s;', E'it\';', E'\\'`,
		"select $$a;b$$, $x$ $$;$$ $x$",
		"create function f() returns int language plpgsql as $_$\nbegin\n  -- no; end\n  return '$$';\nend;$_$",
		"CREATE FUNCTION f() RETURNS int\n    BEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END;\n SELECT 2;\nEND",
		"create or replace procedure p() begin atomic select 1; end",
		"select /* a; /* b; */ c; */ 1",
		"create rule r as on insert to t do also (insert into u values (1); insert into v values (2))",
		"select a$1$ from t",
		"begin",
	} {
		require.Equal(t, []statement{{sql: one}, {sql: "select 2"}}, statementsOf(t, one+";\nselect 2;\n"), one)
		require.Equal(t, []statement{{sql: one}, {sql: "select 2"}}, statementsOf(t, "\n--\n-- note; 'quote\n--\n\n"+one+"; select 2;"), one)
	}
	require.Equal(t, []statement{
		{command: "restrict KEY"}, {sql: "SET a = 1"},
		{sql: `CREATE TABLE "t" ("a" int)`, kind: "TABLE", name: "t; or not"},
		{sql: `COPY "t" ("a") FROM stdin`, kind: "TABLE DATA", name: "1\n\\N\n; --\n", rows: true},
		{command: "unrestrict KEY"},
	}, statementsOf(t, "\\restrict KEY\nSET a = 1;\n--\n-- Name: t; or not; Type: TABLE; Schema: public; Owner: x\n--\n\nCREATE TABLE \"t\" (\"a\" int);\n"+
		"-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: x\nCOPY \"t\" (\"a\") FROM stdin;\n1\n\\N\n; --\n\\.\n\n\\unrestrict KEY\n"))
	for _, cut := range []string{"select 1", "select 'a;", "select $$;$$", "/* a", "select (1;"} {
		script := newScript(strings.NewReader(cut))
		_, err := script.next()
		require.ErrorIs(t, err, errCut, cut)
	}
	script := newScript(strings.NewReader("copy t from stdin;\n1\n2"))
	_, err := script.next()
	require.NoError(t, err)
	_, err = io.ReadAll(script.copied())
	require.ErrorIs(t, err, errCut)
}
