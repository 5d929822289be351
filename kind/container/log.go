package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"dogear/internal/content"
	"dogear/kind"
)

// logObject is what the container has printed, in lines that begin with their
// time. It is to be read; no container is given it back.
const logObject = "log"

// logLines is how much of a log is kept.
const logLines = 10_000

var _ kind.Exhibitor = (*Driver)(nil)

// storeLog keeps the log, or says why not.
func (c *capture) storeLog(ctx context.Context) (*kind.Object, []kind.Gap, error) {
	text, err := c.engine.Log(ctx, c.taken.Container, logLines)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, err
		}
		return nil, c.logGap("log", err.Error()), nil // the log driver may keep none
	}
	var gaps []kind.Gap
	if bytes.Count(text, []byte("\n")) >= logLines {
		gaps = c.logGap("older lines of the log", fmt.Sprintf("only the last %d are kept", logLines))
	}
	object, err := content.PutBytes(ctx, c.sink, logObject, text)
	if err != nil {
		return nil, nil, fmt.Errorf("store the log: %w", err)
	}
	return &object, gaps, nil
}

func (c *capture) logGap(what, why string) []kind.Gap {
	return []kind.Gap{{Part: c.item.ID, What: what, Why: why}}
}

// Exhibits lists the log.
func (d *Driver) Exhibits(part kind.Part) []string {
	if _, ok := part.Object(logObject); ok {
		return []string{logObject}
	}
	return nil
}

// Exhibit returns the log.
func (d *Driver) Exhibit(ctx context.Context, part kind.Part, source kind.Source, name string) ([]byte, error) {
	object, ok := part.Object(name)
	if !ok || name != logObject {
		return nil, errors.New("the part has no " + name)
	}
	return content.ReadAll(ctx, source, object)
}
