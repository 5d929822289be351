package network

import (
	"context"

	"dogear/internal/content"
	"dogear/internal/docker"
	"dogear/kind"
)

// capture is one capture of one network.
type capture struct {
	driver *Driver
	item   kind.Item
	sink   kind.Sink
	live   *docker.Network
	held   kind.Interval
}

// Open begins a capture.
func (d *Driver) Open(ctx context.Context, _ *kind.Workspace, item kind.Item, sink kind.Sink) (kind.Capture, error) {
	from := d.now()
	_, live, err := d.look(ctx, item.ID)
	return &capture{driver: d, item: item, sink: sink, live: live, held: kind.Interval{From: from}}, err
}

// Take makes sure that the network is still the one that was opened; nothing
// about a network can change but by making it again.
func (c *capture) Take(ctx context.Context) error {
	_, live, err := c.driver.look(ctx, c.item.ID)
	if err != nil {
		return err
	}
	if live.ID != c.live.ID {
		c.live, c.held.From = live, c.driver.now()
	}
	c.held.To = c.driver.now()
	return nil
}

// Finish stores the settings.
func (c *capture) Finish(ctx context.Context) (kind.Part, error) {
	object, err := content.PutJSON(ctx, c.sink, settingsObject, c.live)
	return kind.Part{
		ID: c.item.ID, Needs: c.item.Needs, Objects: []kind.Object{object}, Held: c.held, Facts: kind.Stream(facts(c.live)),
	}, err
}

// Close ends the capture.
func (c *capture) Close() error { return nil }
