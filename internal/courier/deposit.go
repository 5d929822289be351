package courier

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dogear/kind"
)

// deposit is a directory that both ends see, where the courier can leave packs
// for the host to adopt: the pipe between them carries far less.
type deposit struct {
	here, there string // its path at either end; "": there is none
}

// of returns where the courier may leave packs for a sink, or "".
func (d deposit) of(to kind.Sink) string {
	if adopter, ok := to.(kind.Adopter); ok && d.here != "" && adopter.Incoming() == d.here {
		return d.there
	}
	return ""
}

// UsePacks lets the courier read the host's packs, in a directory that it sees
// under another path. What it does not find there it asks for, as all content
// is named by its digest.
func (c *Client) UsePacks(here, there string) { c.packs = deposit{here, there} }

// packsOf returns where the courier may read the packs of a source, or "".
func (c *Client) packsOf(from kind.Source) string {
	if packed, ok := from.(kind.Packed); ok && c.packs.here != "" && packed.Packs() == c.packs.here {
		return c.packs.there
	}
	return ""
}

// UseDeposit offers the courier a directory that it sees under another path,
// provided that it can be seen to be the same one: an engine in a machine of its
// own has paths of its own too. Without it content crosses the pipe.
func (c *Client) UseDeposit(ctx context.Context, here, there string) (err error) {
	token := make([]byte, 16)
	rand.Read(token)
	name := hex.EncodeToString(token) + ".token"
	path := filepath.Join(here, name)
	if err := os.WriteFile(path, token, 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	content, err := c.ReadFile(ctx, filepath.Join(there, name))
	if err != nil {
		return err
	}
	if !bytes.Equal(content, token) {
		return fmt.Errorf("%s is another directory there", here)
	}
	c.deposit = deposit{here, there}
	return nil
}
