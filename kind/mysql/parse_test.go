package mysql

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dogear/internal/rowtext"
)

func TestServersAmongProcesses(t *testing.T) {
	for argv, want := range map[string]bool{
		"mariadbd": true,
		"/usr/sbin/mysqld --datadir=/data --user=mysql": true,
		"/bin/sh /usr/bin/mysqld_safe":                  false,
		"mariadbd --bootstrap --datadir=/data":          false,
		"mysqld --initialize-insecure":                  false,
		"mysqld_exporter":                               false,
		"mariadb --host=db":                             false,
		"bash -c exec mariadbd":                         false,
		"":                                              false,
	} {
		require.Equal(t, want, isServer(argv), argv)
	}
}

func TestCommandLines(t *testing.T) {
	for line, want := range map[string]server{
		"mariadbd --datadir=/data --port=6000 --socket=/s": {dataDir: "/data", port: 6000, socket: "/s"},
		"mysqld -h /data -P x":                             {dataDir: "/data", port: defaultPort},
		"mysqld --datadir /data":                           {dataDir: "/data", port: defaultPort},
	} {
		s := server{port: defaultPort}
		s.readArgv(strings.Fields(line))
		require.Equal(t, want, s, line)
	}
}

func TestLogins(t *testing.T) {
	files := map[string]string{
		"/run/secrets/db":       "from file\n",
		"/etc/mysql/debian.cnf": "[client]\nuser = maint\npassword='of the file'\n[mysql]\nuser=other\n",
	}
	found := logins(map[string]string{
		"MARIADB_ROOT_PASSWORD_FILE": "/run/secrets/db", "MYSQL_USER": "shop", "MYSQL_PASSWORD": "plain",
	}, func(path string) ([]byte, error) {
		text, ok := files[path]
		if !ok {
			return nil, errors.New("no such file")
		}
		return []byte(text), nil
	})
	require.Equal(t, []login{{"root", "from file"}, {"maint", "of the file"}, {"shop", "plain"}, {"root", ""}}, found)
}

// M3: only the very line that newer dump programs write is cut off.
func TestOnlyTheSandboxLineIsCutOff(t *testing.T) {
	require.Equal(t, "CREATE", string(withoutSandbox([]byte("/*M!999999\\- enable the sandbox mode */ \nCREATE"))))
	for _, script := range []string{"/*M!100100 x */\nCREATE", "CREATE", "", "\n/*M!999999\\- enable the sandbox mode */\n"} {
		require.Equal(t, script, string(withoutSandbox([]byte(script))))
	}
}

// What is written as a line is read as one, and the values of an INSERT are
// the same bytes but for what SQL wants escaped.
func TestLinesHoldAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := []byte(rapid.StringOf(rapid.SampledFrom([]rune("a\t\n\\N'\x00\r\x1a,ü"))).Draw(t, "value"))
		stream := append(rowtext.Append(nil, value), '\n')
		require.Equal(t, 1, bytes.Count(stream, []byte("\n")))
		require.NoError(t, rowtext.Lines(bytes.NewReader(stream), func(line []byte) error {
			statement, err := appendTuple(nil, line, []column{{Type: "blob"}})
			require.NoError(t, err)
			quoted, ok := strings.CutPrefix(string(statement), "(_binary'")
			require.True(t, ok)
			plain := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\'`, "'", `\0`, "\x00", `\r`, "\r", `\Z`, "\x1a").Replace(strings.TrimSuffix(quoted, "')"))
			require.Equal(t, string(value), plain)
			return nil
		}))
	})
	_, err := appendTuple(nil, []byte("a\tb"), []column{{Type: "int"}})
	require.Error(t, err)
}

func TestAddresses(t *testing.T) {
	none := func() ([]byte, error) { return nil, os.ErrNotExist }
	for text, want := range map[string]address{
		"mysql://app:a%3Ab@db.example:3307/shop":       {host: "db.example", port: 3307, database: "shop", login: login{"app", "a:b"}},
		"mariadb://app@[::1]/shop?tls=verify":          {host: "::1", port: 3306, database: "shop", login: login{user: "app"}, verified: true},
		"mysql:///shop?socket=/run/mysqld/mysqld.sock": {socket: "/run/mysqld/mysqld.sock", port: 3306, database: "shop"},
		"mysql://app:x@localhost":                      {host: "localhost", port: 3306, login: login{"app", "x"}},
	} {
		a, err := parseAddress(text, none)
		require.NoError(t, err, text)
		require.Equal(t, want, *a, text)
	}
	for _, text := range []string{"secret", "postgres://a:secret@b/c", "mysql://a:secret@b:x/c", "mysql://a:secret@b/c?d=e", "mysql:a:secret", "mysql://a:%zzsecret@b"} {
		_, err := parseAddress(text, none)
		require.ErrorIs(t, err, errAddress, text)
		require.NotContains(t, err.Error(), "secret")
	}
	file := func() ([]byte, error) { return []byte("[client]\nuser = me\npassword = \"mine\"\n"), nil }
	for text, want := range map[string]login{
		"mysql://b/c": {"me", "mine"}, "mysql://me@b/c": {"me", "mine"}, "mysql://you@b/c": {"you", ""}, "mysql://you:yours@b/c": {"you", "yours"},
	} {
		a, err := parseAddress(text, file)
		require.NoError(t, err)
		require.Equal(t, want, a.login, text)
	}
}

func TestUnqualified(t *testing.T) {
	t.Parallel()
	for definition, want := range map[string]string{
		"select `shop`.`orders`.`id` AS `id` from `orders`": "select `orders`.`id` AS `id` from `orders`",
		"select 'it''s `shop`.' AS `a``shop`.`b`":           "select 'it''s `shop`.' AS `a``shop`.`b`",
		`select '\'` + "`shop`.x' from `shop`.`t`":          `select '\'` + "`shop`.x' from `t`",
		"select `other`.`t`.`x` from `shop`.`t`":            "select `other`.`t`.`x` from `t`",
		"select 'open `shop`.":                              "select 'open `shop`.",
	} {
		require.Equal(t, want, unqualified(definition, "shop"))
	}
}
