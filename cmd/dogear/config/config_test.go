package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"dogear/cmd/dogear/config"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func places(t *testing.T, env map[string]string) config.Places {
	t.Helper()
	return config.Places{
		Root: t.TempDir(), User: t.TempDir(), Data: "/data",
		Getenv: func(name string) string { return env[name] },
	}
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	set := pflag.NewFlagSet("dogear", pflag.ContinueOnError)
	set.String("store", "", "")
	set.String("dumps", "", "")
	require.NoError(t, set.Parse(args))
	return set
}

func TestWithoutAnyConfiguration(t *testing.T) {
	c, err := config.Load(places(t, nil), nil, flags(t))
	require.NoError(t, err)
	require.Equal(t, "/data/dogear", c.Store)
	require.Equal(t, "auto", c.Dumps)
	require.Empty(t, c.Volatile)
}

func TestOrderOfPrecedence(t *testing.T) {
	p := places(t, map[string]string{})
	load := func(args ...string) string {
		c, err := config.Load(p, nil, flags(t, args...))
		require.NoError(t, err)
		return c.Store
	}
	write(t, filepath.Join(p.User, "config.yaml"), "store: /user\n")
	require.Equal(t, "/user", load())
	write(t, filepath.Join(p.Root, "dogear.yaml"), "store: /workspace\n")
	require.Equal(t, "/workspace", load())
	write(t, filepath.Join(p.Root, "dogear.yaml"), "store: beside\n")
	require.Equal(t, filepath.Join(p.Root, "beside"), load())
	p.Getenv = func(name string) string { return map[string]string{"DOGEAR_STORE": "/environment"}[name] }
	require.Equal(t, "/environment", load())
	require.Equal(t, "/flag", load("--store", "/flag"))
}

func TestSectionsOfKindsKeepTheirCase(t *testing.T) {
	p := places(t, nil)
	write(t, filepath.Join(p.Root, "dogear.yaml"), "postgres:\n  Servers: [{DSN: x}]\nvolatile: ['cache/**']\n")
	c, err := config.Load(p, []string{"postgres"}, flags(t))
	require.NoError(t, err)
	require.JSONEq(t, `{"Servers":[{"DSN":"x"}]}`, string(c.Kinds["postgres"]))
	require.Equal(t, []string{"cache/**"}, c.Volatile)
}

func TestUnknownKeyComesWithSuggestion(t *testing.T) {
	p := places(t, nil)
	write(t, filepath.Join(p.Root, "dogear.yaml"), "dumps: never\npostgress: {}\n")
	_, err := config.Load(p, []string{"postgres"}, flags(t))
	var mistake *config.Error
	require.ErrorAs(t, err, &mistake)
	require.ErrorContains(t, err, `line 2: unknown key "postgress"`)
	require.Equal(t, `did you mean "postgres"?`, mistake.Hint)
}

func TestMistakesAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"no YAML":     {"a: [", "dogear.yaml"},
		"no mapping":  {"- a\n", "line 1: keys are wanted"},
		"wrong value": {"dumps: sometimes\n", `dumps cannot be "sometimes"`},

		"no section":     {"dumps: auto\nretention: 7\n", "line 2: retention: keys are wanted"},
		"unknown period": {"retention:\n  dayly: 7\n", `unknown key "dayly"`},
		"no number":      {"retention:\n  daily: many\n", "daily cannot be many"},
		"negative":       {"retention:\n  last: -1\n", "last cannot be -1"},
		"no age":         {"retention:\n  safety: soon\n", "safety cannot be soon"},
		"age in no unit": {"retention:\n  safety: 14\n", "safety cannot be 14"},
		"negative age":   {"retention:\n  safety: -2d\n", "safety cannot be -2d"},
	} {
		t.Run(name, func(t *testing.T) {
			p := places(t, nil)
			write(t, filepath.Join(p.Root, "dogear.yaml"), c.content)
			_, err := config.Load(p, nil, flags(t))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"store", "dumps", "volatile"}
	require.Equal(t, "store", config.Nearest("Stoer", known))
	require.Equal(t, "dumps", config.Nearest("dump", known))
	require.Empty(t, config.Nearest("something", known))
}

func TestRootIsTheNearestConfigurationAbove(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	require.NoError(t, os.MkdirAll(deep, 0o700))
	require.Equal(t, deep, config.Root(deep))
	write(t, filepath.Join(top, "dogear.yaml"), "")
	require.Equal(t, top, config.Root(deep))
}
