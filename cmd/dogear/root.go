package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "dogear",
		Short:         "Fold down the corner of your whole workspace, and open it there again",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.dir, "directory", "C", "", "the workspace (default: found from the current directory upwards)")
	flags.String("store", "", "directory of the store (default: $DOGEAR_STORE, or dogear in the user's data directory)")
	flags.StringArrayVarP(&a.options, "option", "o", nil, "what only one kind knows, as kind.key=value")
	flags.BoolVar(&a.json, "json", false, "write one JSON document to standard output")
	flags.BoolVar(&a.quiet, "quiet", false, "write only what matters to a script")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("see "+cmd.CommandPath()+" --help", "%v", err)
	})
	root.AddCommand(
		initCommand(a), saveCommand(a), pauseCommand(a), resumeCommand(a), restoreCommand(a), undoCommand(a),
		recoverCommand(a), rehearseCommand(a), importCommand(a), statusCommand(a), verifyCommand(a), diffCommand(a),
		listCommand(a), showCommand(a), logCommand(a), receiptCommand(a),
		noteCommand(a), removeCommand(a), checkCommand(a), pruneCommand(a), repairCommand(a),
		doctorCommand(a), agentCommand(a), versionCommand(a),
		courierCommand(), watchdogCommand(),
	)
	return root
}

const rootHelp = `Dogear captures a whole workspace as one snapshot at one point in time: git
repositories in whatever state they are, files, containers with their writable
layers, volumes, networks and images, databases. It brings any snapshot back
and proves that it is back.

  dogear pause     something urgent has come up: capture all, clear the desk
  dogear resume    put it all back

A SNAPSHOT is named by the beginning of its id, by its name, as latest or
latest~2, or by a time: "yesterday 14:00", 2026-11-20, "2 hours ago".`

// unknownCommand makes a wrong command a mistake of usage, with a suggestion.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := "dogear --help lists the commands"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	}
	return usage(hint, "unknown command %q", args[0])
}

// arguments checks how many arguments a command has.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usage("see "+cmd.CommandPath()+" --help", "%s: wrong number of arguments: usage: %s", cmd.CommandPath(), cmd.UseLine())
		}
		return nil
	}
}

// argument returns the argument at i, or "".
func argument(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}
