package main

import (
	"context"
	"errors"
	"net"

	"dogear/agent"
	"dogear/agent/api"
	"dogear/store"
)

// serve runs an agent until ctx is done. What is being done then is taken
// back first.
func serve(ctx context.Context, dir, command string, ready func()) error {
	options := agentOptions(dir, command)
	options.Resident = true
	a, err := agent.Open(options)
	if errors.Is(err, store.ErrLocked) {
		return agent.StoreInUse(err, "that process serves commands already; dogear agent status shows it")
	}
	if err != nil {
		return err
	}
	if err := a.Serve(); err != nil {
		return errors.Join(err, a.Close(ctx))
	}
	ready()
	<-ctx.Done()
	return a.Close(ctx)
}

// askRunning asks the agent that runs, and starts none.
func askRunning(ctx context.Context, dir string) (api.AgentStatus, error) {
	conn, err := agent.Reach(ctx, dir)
	var denied *api.Error
	switch {
	case errors.As(err, &denied):
		return api.AgentStatus{}, denied
	case err != nil:
		return api.AgentStatus{Store: dir, Jobs: []api.Job{}}, nil
	}
	if err := conn.Close(); err != nil {
		return api.AgentStatus{}, err
	}
	client := api.NewClient(func(ctx context.Context) (net.Conn, error) { return agent.Reach(ctx, dir) }, func(api.Progress) {})
	defer client.Close()
	return client.Status(ctx)
}
