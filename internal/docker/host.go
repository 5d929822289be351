package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker/docker/client"
)

// engineHost returns the engine that the docker command would talk to:
// DOCKER_HOST, else the current docker context, else the default socket.
func engineHost() (string, error) {
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		return host, nil
	}
	dir, err := configDir()
	if err != nil {
		return client.DefaultDockerHost, nil
	}
	name, err := contextName(dir)
	if err != nil || name == "" || name == "default" {
		return client.DefaultDockerHost, err
	}
	return contextHost(dir, name)
}

func configDir() (string, error) {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".docker"), err
}

func contextName(dir string) (string, error) {
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return name, nil
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	err := readJSON(filepath.Join(dir, "config.json"), &config)
	return config.CurrentContext, err
}

// contextHost reads a context where the docker command keeps it: in a
// directory named after the digest of the context's name.
func contextHost(dir, name string) (string, error) {
	digest := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	path := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(digest[:]), "meta.json")
	if err := readJSON(path, &meta); err != nil {
		return "", err
	}
	host := meta.Endpoints["docker"].Host
	if host == "" {
		return "", fmt.Errorf("docker context %q names no engine (see docker context ls)", name)
	}
	return host, nil
}

// readJSON decodes a file; one that is absent or not ours to read says nothing.
func readJSON(path string, into any) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read docker's configuration: %w", err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("read docker's configuration %s: %w", path, err)
	}
	return nil
}
