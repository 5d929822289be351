package main

import (
	"context"
	"errors"
	"net"

	"dogear/agent"
	"dogear/agent/api"
)

// serve runs an agent until ctx is done. What is being done then is taken
// back first.
func serve(ctx context.Context, store string, ready func()) error {
	options := agentOptions(store)
	options.Resident = true
	a, err := agent.Open(options)
	if err != nil {
		return err
	}
	if err := a.Serve(); err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	return a.Close(ctx)
}

// askRunning asks the agent that runs, and starts none.
func askRunning(ctx context.Context, store string) (api.AgentStatus, error) {
	conn, err := agent.Reach(ctx, store)
	var denied *api.Error
	switch {
	case errors.As(err, &denied):
		return api.AgentStatus{}, denied
	case err != nil:
		return api.AgentStatus{Store: store, Jobs: []api.Job{}}, nil
	}
	if err := conn.Close(); err != nil {
		return api.AgentStatus{}, err
	}
	client := api.NewClient(func(ctx context.Context) (net.Conn, error) { return agent.Reach(ctx, store) }, func(api.Progress) {})
	defer client.Close()
	return client.Status(ctx)
}
