package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"dogear/cmd/dogear/render"
)

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of Dogear and of its store's format",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo()
			return a.print(v, v.Version, func(p *render.Page) { render.Version(p, v) })
		},
	}
}

// version is set when a release is built (see the Makefile).
var version string

func versionInfo() render.VersionInfo {
	v := render.VersionInfo{Version: orElse(version, "unknown"), StoreFormat: storeFormat, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = orElse(version, info.Main.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
