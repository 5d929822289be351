package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"dogear/internal/dsn"
	"dogear/kind"
)

// address is where a server is that dogear.yaml names.
type address struct {
	network string // tcp or unix
	at      string
	tls     *tls.Config // nil: none
	login   login
}

// errAddress does not repeat what it is about: that holds a password.
var errAddress = errors.New("the dsn is not redis://USER:PASSWORD@HOST:PORT, rediss:// for TLS, or unix://USER:PASSWORD@/PATH")

// errNumbered refuses what would be other people's.
var errNumbered = errors.New("the dsn names one database, and a server gives its memory as a whole: if all of it belongs to this workspace, leave the number out")

// parseAddress reads a DSN.
func parseAddress(text string) (*address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) {
		return nil, errAddress
	}
	if u.Query().Has("db") || u.Scheme != "unix" && strings.Trim(u.Path, "/") != "" {
		return nil, errNumbered
	}
	o, err := redis.ParseURL(text)
	if err != nil {
		return nil, errAddress
	}
	a := &address{network: o.Network, at: o.Addr, tls: o.TLSConfig, login: login{user: o.Username, password: o.Password}}
	if a.network == "unix" && !strings.HasPrefix(a.at, "/") {
		return nil, errAddress
	}
	return a, nil
}

// dial reaches the server.
func (a *address) dial(ctx context.Context) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTime}
	if a.tls == nil {
		return d.DialContext(ctx, a.network, a.at)
	}
	return (&tls.Dialer{NetDialer: d, Config: a.tls}).DialContext(ctx, a.network, a.at)
}

// findByAddress lists the servers that dogear.yaml names.
func (d *Driver) findByAddress(ws *kind.Workspace) ([]kind.Item, error) {
	servers, err := dsn.Servers(ws, Kind)
	if err != nil {
		return nil, err
	}
	var items []kind.Item
	for _, named := range servers {
		if _, err := byAddress(ws, named); err != nil {
			return nil, err
		}
		items = append(items, kind.Item{ID: kind.ID{Kind: Kind, Name: named.Name}})
	}
	return items, nil
}

// byAddress returns the server that an entry of dogear.yaml names.
func byAddress(ws *kind.Workspace, named dsn.Server) (*server, error) {
	text, err := named.Expand(ws)
	if err != nil {
		return nil, err
	}
	a, err := parseAddress(text)
	if err == nil && len(named.Databases) > 0 {
		err = errors.New("a server of Redis has no databases: to choose from, its memory is one")
	}
	if err != nil {
		return nil, fmt.Errorf("dogear.yaml: %s: server %s: %w", Kind, named.Name, err)
	}
	return &server{address: a}, nil
}

// remote names the machine that the server is on, if that is another one.
func (s *server) remote() string {
	if s.address == nil || s.address.network == "unix" {
		return ""
	}
	host, _, err := net.SplitHostPort(s.address.at)
	if err != nil || dsn.IsLocal(host) {
		return ""
	}
	return host
}

// where is the address of a server that is in no container.
func (s *server) where() string {
	if s.address == nil {
		return ""
	}
	return s.address.at
}
