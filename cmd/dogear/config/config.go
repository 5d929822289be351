// Package config works out the configuration of a command: flags, then the
// environment (DOGEAR_*), then dogear.yaml at the root of the workspace, then
// config.yaml in the user's configuration directory.
//
// Sections named after a kind are handed on as they are: only that kind's
// driver knows what they mean.
package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"dogear/agent/api"
)

// FileName is the configuration at the root of a workspace.
const FileName = "dogear.yaml"

// The keys that are not a section of a kind.
const (
	keyStore     = "store"
	keyDumps     = "dumps"
	keyVolatile  = "volatile"
	keyRetention = "retention"
)

// dumps are the values of the key and flag of that name.
var dumps = [...]string{"auto", "always", "never"}

// Config is what a command goes by.
type Config struct {
	Store    string   // directory of the store
	Dumps    string   // auto, always or never
	Volatile []string // patterns of what systems write by themselves
	// Retention says what prune deletes.
	Retention api.Retention
	Kinds     map[string]json.RawMessage
}

// Places is where a configuration is looked for.
type Places struct {
	Root   string // of the workspace
	User   string // directory of the user's own config.yaml
	Data   string // directory in which the store is by default
	Getenv func(string) string
}

// Load reads the configuration. kinds are the sections that are known
// besides Dogear's own keys.
func Load(places Places, kinds []string, flags *pflag.FlagSet) (Config, error) {
	v := viper.New()
	v.SetDefault(keyStore, filepath.Join(places.Data, "dogear"))
	v.SetDefault(keyDumps, dumps[0])
	c := Config{Retention: defaultRetention(), Kinds: make(map[string]json.RawMessage)}
	for _, path := range []string{filepath.Join(places.User, "config.yaml"), filepath.Join(places.Root, FileName)} {
		f, err := readFile(path)
		if err != nil {
			return Config{}, err
		}
		if err := c.merge(v, f, kinds); err != nil {
			return Config{}, err
		}
	}
	if err := overlay(v, places.Getenv, flags); err != nil {
		return Config{}, err
	}
	c.Store, c.Dumps, c.Volatile = v.GetString(keyStore), v.GetString(keyDumps), v.GetStringSlice(keyVolatile)
	return c, c.check()
}

// merge lays a file over what was read before it. A kind's section replaces
// that of an earlier file as a whole.
func (c *Config) merge(v *viper.Viper, f file, kinds []string) error {
	own := make(map[string]any)
	for _, e := range f.entries {
		switch {
		case e.key == keyStore:
			own[e.key] = f.resolve(e.value)
		case e.key == keyDumps, e.key == keyVolatile:
			own[e.key] = e.value
		case e.key == keyRetention:
			if err := setRetention(&c.Retention, f, e); err != nil {
				return err
			}
		case slices.Contains(kinds, e.key):
			section, err := json.Marshal(e.value)
			if err != nil {
				return fmt.Errorf("%s: line %d: %s: %w", f.path, e.line, e.key, err)
			}
			c.Kinds[e.key] = section
		default:
			return unknownKey(f.path, e, append([]string{keyStore, keyDumps, keyVolatile, keyRetention}, kinds...))
		}
	}
	return v.MergeConfigMap(own)
}

// overlay lays the environment and the flags over the files.
func overlay(v *viper.Viper, getenv func(string) string, flags *pflag.FlagSet) error {
	for key, name := range map[string]string{keyStore: "DOGEAR_STORE", keyDumps: "DOGEAR_DUMPS"} {
		if value := getenv(name); value != "" {
			v.Set(key, value)
		}
		// A flag that was given goes over the environment, which viper's own
		// order would not know of here.
		if f := flags.Lookup(key); f != nil && f.Changed {
			v.Set(key, f.Value.String())
		}
	}
	return nil
}

// Variables returns those variables of the environment that the sections of
// kinds refer to. What is not set is left out; whose section it is says so.
func (c Config) Variables(lookup func(string) (string, bool)) map[string]string {
	variables := make(map[string]string)
	for _, section := range c.Kinds {
		for _, name := range api.References(section) {
			if value, ok := lookup(name); ok {
				variables[name] = value
			}
		}
	}
	return variables
}

func (c Config) check() error {
	if !slices.Contains(dumps[:], c.Dumps) {
		return &Error{
			Message: fmt.Sprintf("dumps cannot be %q", c.Dumps),
			Hint:    "it is auto, always or never",
		}
	}
	return nil
}
