// Package dsn reads the section of a database kind in dogear.yaml: servers that
// are reached by an address, as they run in no container of the workspace.
//
//	postgres:
//	  servers:
//	    reporting:
//	      dsn: postgres://app:${REPORTING_PASSWORD}@localhost:5432/reporting
//	      databases: [reporting]
//
// A DSN names one database; databases names several, or all with "*". What a
// DSN means is known to the kind alone.
package dsn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"

	"dogear/kind"
)

// Server is one server of the section.
type Server struct {
	Name string // as in kind/NAME/database
	DSN  string // as it is written, with its references: no secret
	// Databases are those of the server that belong to the workspace. None:
	// the one in the DSN. "*": all.
	Databases []string
}

type section struct {
	Servers map[string]struct {
		DSN       string   `json:"dsn"`
		Databases []string `json:"databases"`
	} `json:"servers"`
}

// Servers returns the servers of a kind's section, sorted by name.
func Servers(ws *kind.Workspace, kindName string) ([]Server, error) {
	raw := ws.Config[kindName]
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var s section
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("dogear.yaml: section %s: %w (it has servers:, and below it NAME: with dsn: and, where there are several, databases:)", kindName, err)
	}
	var servers []Server
	for _, name := range slices.Sorted(maps.Keys(s.Servers)) {
		entry := s.Servers[name]
		switch {
		case !validName.MatchString(name):
			return nil, fmt.Errorf("dogear.yaml: %s: server %q: a name has letters, digits, dots, dashes and underscores only", kindName, name)
		case entry.DSN == "":
			return nil, fmt.Errorf("dogear.yaml: %s: server %s has no dsn", kindName, name)
		}
		servers = append(servers, Server{Name: name, DSN: entry.DSN, Databases: entry.Databases})
	}
	return servers, nil
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Named returns the server that an item is of, or in.
func Named(ws *kind.Workspace, id kind.ID) (Server, error) {
	name, _, _ := strings.Cut(id.Name, "/")
	servers, err := Servers(ws, id.Kind)
	if err != nil {
		return Server{}, err
	}
	i := slices.IndexFunc(servers, func(s Server) bool { return s.Name == name })
	if i < 0 {
		return Server{}, fmt.Errorf("dogear.yaml names no server %s any more", name)
	}
	return servers[i], nil
}

// otherServer is the option that lets a part come back on another server.
const otherServer = "other-server"

// OtherServer is that option, as a driver lists it.
func OtherServer() kind.Option {
	return kind.Option{Key: otherServer, Values: []string{"true", "false"}}
}

// Mistaken says that a name means another server now than when a part was
// captured. An address is "" for a server in a container.
func Mistaken(ws *kind.Workspace, kindName, was, is string) []string {
	if was == "" || was == is || ws.Option(kindName, otherServer) == "true" {
		return nil
	}
	if is == "" {
		is = "a server in a container"
	}
	return []string{fmt.Sprintf("it was captured from %s, and that name means %s now: -o %s.%s=true restores it there all the same", was, is, kindName, otherServer)}
}

// Expand returns the DSN with its variables. It is secret from then on.
func (s Server) Expand(ws *kind.Workspace) (string, error) { return ws.Expand(s.DSN) }

// Within lists the databases of the server that belong to the workspace, of
// which not all do: those that are named, or the one of the DSN.
func (s Server) Within(ofDSN string) []string {
	if len(s.Databases) == 0 {
		return []string{ofDSN}
	}
	return s.Databases
}

// All reports whether all databases of the server belong to the workspace.
func (s Server) All() bool { return slices.Contains(s.Databases, "*") }

// IsLocal reports whether a host of a DSN is this machine: a socket, a loopback
// address or one of its own addresses.
func IsLocal(host string) bool {
	if host == "" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" {
		return true
	}
	if name, err := os.Hostname(); err == nil && host == name {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	if ip == nil {
		return false
	}
	return ip.IsLoopback() || isOwn(ip)
}

func isOwn(ip net.IP) bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.Equal(ip)
	})
}
