package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/filters"
)

// pluginPlaces are where an engine looks for plugins that it does not manage.
var pluginPlaces = []string{
	"/run/docker/plugins/NAME.sock", "/run/docker/plugins/NAME/NAME.sock",
	"/etc/docker/plugins/NAME.spec", "/etc/docker/plugins/NAME.json",
	"/usr/lib/docker/plugins/NAME.spec", "/usr/lib/docker/plugins/NAME.json",
}

// HasVolumeDriver reports whether the engine has a driver for volumes. The one of
// a plugin that has gone stays on its list.
func (e *Engine) HasVolumeDriver(ctx context.Context, name string) (bool, error) {
	if name == "" || name == "local" || e.podman {
		return true, nil
	}
	managed, err := e.api.PluginList(ctx, filters.NewArgs(filters.Arg("capability", "volumedriver"), filters.Arg("enabled", "true")))
	if err != nil {
		return false, fmt.Errorf("list plugins: %w", err)
	}
	for _, p := range managed {
		if p.Name == name || strings.TrimSuffix(p.Name, ":latest") == name {
			return true, nil
		}
	}
	if !e.Local() {
		info, err := e.api.Info(ctx)
		return err == nil && slices.Contains(info.Plugins.Volume, name), err
	}
	return slices.ContainsFunc(pluginPlaces, func(place string) bool {
		_, err := os.Lstat(filepath.Clean(strings.ReplaceAll(place, "NAME", name)))
		return !os.IsNotExist(err)
	}), nil
}
