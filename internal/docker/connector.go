package docker

import (
	"context"
	"sync"
)

// Connector connects to the engine when it is first needed and keeps the
// connection for all drivers. It is safe for concurrent use.
type Connector struct {
	options Options

	mu     sync.Mutex
	engine *Engine // guarded by mu
}

// NewConnector returns a Connector that has not connected yet.
func NewConnector(options Options) *Connector { return &Connector{options: options} }

// Engine returns the engine. Where none answers (ErrNoEngine) the next call
// tries again.
func (c *Connector) Engine(ctx context.Context) (*Engine, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine != nil {
		return c.engine, nil
	}
	engine, err := Connect(ctx, c.options)
	if err != nil {
		return nil, err
	}
	c.engine = engine
	return engine, nil
}

// Close ends the connection, if there is one.
func (c *Connector) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine == nil {
		return nil
	}
	engine := c.engine
	c.engine = nil
	return engine.Close()
}
