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
			v := version()
			return a.print(v, v.Version, func(p *render.Page) { render.Version(p, v) })
		},
	}
}

func version() render.VersionInfo {
	v := render.VersionInfo{Version: "unknown", StoreFormat: storeFormat, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
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
