package postgres

import (
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
