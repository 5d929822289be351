package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"dogear/agent"
	"dogear/agent/api"
	"dogear/kind/all"
	"dogear/store"
)

// storeFormat is the version of what this program writes to disk.
const storeFormat = store.Format

// healthTimeout bounds the wait for restored things to be healthy.
const healthTimeout = 2 * time.Minute

// connect returns a client of the store's agent. leave has to be called when
// the client is closed: if the agent runs in this process, it stays until its
// other clients have left too.
func connect(cmd *cobra.Command, dir string, show func(api.Progress)) (client *api.Client, leave func(context.Context) error) {
	options := agentOptions(dir, cmd.CommandPath())
	options.LeaveRestores = cmd.Name() == recoverName
	c := agent.NewConnector(options)
	return api.NewClient(c.Dial, show), c.Close
}

// repairStore rebuilds the catalog of a store that no agent can open.
func repairStore(ctx context.Context, dir, command string) (api.RepairResult, error) {
	return agent.Repair(ctx, agentOptions(dir, command))
}

// agentOptions are those of the agent that the named command starts.
func agentOptions(dir, command string) agent.Options {
	return agent.Options{
		Dir:           dir,
		Command:       command,
		Drivers:       all.Drivers(all.Store{Incoming: store.IncomingIn(dir), Packs: store.PacksIn(dir)}),
		Now:           time.Now,
		NewID:         agent.NewIDs(time.Now),
		StartWatchdog: startWatchdog,
		HealthTimeout: healthTimeout,
	}
}

// kinds lists the names of all kinds.
func kinds() []string {
	drivers := all.Drivers(all.Store{})
	names := make([]string, 0, len(drivers))
	for _, d := range drivers {
		names = append(names, d.Kind())
	}
	return names
}
