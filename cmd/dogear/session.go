package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dogear/agent/api"
	"dogear/cmd/dogear/config"
)

// session is a command's connection to its agent, and the workspace that it
// is about.
type session struct {
	client    *api.Client
	workspace api.Workspace
	config    config.Config
}

// withAgent runs f with a session, and ends the session after it.
func (a *app) withAgent(cmd *cobra.Command, f func(context.Context, *session) error) error {
	ctx := cmd.Context()
	dir, err := a.directory()
	if err != nil {
		return err
	}
	c, err := a.configuration(cmd, dir)
	if err != nil {
		return err
	}
	workspace, err := a.describe(dir, c)
	if err != nil {
		return err
	}
	client, leave := connect(cmd, c.Store, a.progress.show)
	err = f(ctx, &session{client: client, workspace: workspace, config: c})
	a.progress.clear()
	client.Close()
	return errors.Join(err, leave(ctx))
}

// directory is where the command works.
func (a *app) directory() (string, error) {
	if a.dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return "", fmt.Errorf("find the current directory: %w", err)
		}
		return dir, nil
	}
	return filepath.Abs(a.dir)
}

func (a *app) configuration(cmd *cobra.Command, dir string) (config.Config, error) {
	if a.dir == "" {
		dir = config.Root(dir)
	}
	return a.configurationAt(cmd, dir)
}

// configurationAt is that of the workspace with the given root.
func (a *app) configurationAt(cmd *cobra.Command, root string) (config.Config, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return config.Config{}, fmt.Errorf("find the home directory: %w", err)
	}
	places := config.Places{
		Root:   root,
		User:   filepath.Join(orElse(os.Getenv("XDG_CONFIG_HOME"), filepath.Join(home, ".config")), "dogear"),
		Data:   orElse(os.Getenv("XDG_DATA_HOME"), filepath.Join(home, ".local", "share")),
		Getenv: os.Getenv,
	}
	c, err := config.Load(places, kinds(), cmd.Flags())
	if err != nil {
		return config.Config{}, err
	}
	c.Store, err = filepath.Abs(c.Store)
	return c, err
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func (a *app) describe(dir string, c config.Config) (api.Workspace, error) {
	options, err := parseOptions(a.options, kinds())
	if err != nil {
		return api.Workspace{}, err
	}
	return api.Workspace{
		Dir: dir, Exact: a.dir != "", Config: c.Kinds, Variables: c.Variables(os.LookupEnv),
		Options: options, Volatile: c.Volatile, Dumps: c.Dumps,
	}, nil
}

// parseOptions reads the values of -o.
func parseOptions(texts, kinds []string) (map[string]string, error) {
	options := make(map[string]string, len(texts))
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		kind, key, dotted := strings.Cut(name, ".")
		if !ok || !dotted || kind == "" || key == "" {
			return nil, usage("write it as -o kind.key=value", "option %q cannot be understood", name)
		}
		if !slices.Contains(kinds, kind) {
			return nil, usage("kinds: "+strings.Join(kinds, ", "), "option %q: there is no kind %q", name, kind)
		}
		options[name] = value
	}
	return options, nil
}
