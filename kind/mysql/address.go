package mysql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"dogear/internal/dsn"
	"dogear/internal/proc"
	"dogear/kind"
)

var _ kind.Configurable = (*Driver)(nil)

// address is where a server is that dogear.yaml names.
type address struct {
	host     string // or "" with a socket
	socket   string
	port     int
	database string
	login    login
	verified bool // TLS, and the certificate is checked
}

// errAddress does not repeat what it is about: that holds a password.
var errAddress = errors.New("the dsn is not mysql://USER:PASSWORD@HOST:PORT/DATABASE, or mysql://USER:PASSWORD@/DATABASE?socket=/PATH (also ?tls=verify)")

// parseAddress reads a DSN. Who it does not name is named by ~/.my.cnf.
func parseAddress(text string, optionFile func() ([]byte, error)) (*address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" || u.Opaque != "" {
		return nil, errAddress
	}
	a := &address{host: u.Hostname(), port: defaultPort, database: strings.TrimPrefix(u.Path, "/")}
	if text := u.Port(); text != "" {
		if a.port, err = strconv.Atoi(text); err != nil {
			return nil, errAddress
		}
	}
	for key, values := range u.Query() {
		switch {
		case key == "socket" && strings.HasPrefix(values[0], "/"):
			a.socket = values[0]
		case key == "tls" && values[0] == "verify":
			a.verified = true
		default:
			return nil, errAddress
		}
	}
	if a.host == "" && a.socket == "" {
		a.host = "localhost"
	}
	a.login.user = u.User.Username()
	a.login.password, _ = u.User.Password()
	if a.login.user == "" || a.login.password == "" {
		a.complete(optionFile)
	}
	return a, nil
}

// complete takes what is missing of the account from an option file.
func (a *address) complete(optionFile func() ([]byte, error)) {
	text, err := optionFile()
	if err != nil {
		return // most people have none
	}
	user, password := clientSection(string(text))
	if a.login.user == "" {
		a.login.user = user
	}
	if a.login.user == user && a.login.password == "" {
		a.login.password = password
	}
}

func homeOptionFile() ([]byte, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(home, ".my.cnf"))
}

// String says where it is, and not who logs in.
func (a *address) String() string {
	if a.socket != "" {
		return a.socket
	}
	return net.JoinHostPort(a.host, strconv.Itoa(a.port))
}

func (a *address) way() way {
	w := way{address: a.String(), login: a.login, verified: a.verified}
	if a.socket != "" {
		w.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: connectTime}).DialContext(ctx, "unix", a.socket)
		}
	}
	return w
}

// remote names the machine that the server is on, if that is another one.
func (s *server) remote() string {
	if s.address == nil || s.address.socket != "" || dsn.IsLocal(s.address.host) {
		return ""
	}
	return s.address.host
}

// where is the address of a server that is in no container.
func (s *server) where() string {
	if s.address == nil {
		return ""
	}
	return s.address.String()
}

// Options returns the options of restores.
func (d *Driver) Options() []kind.Option { return []kind.Option{dsn.OtherServer()} }

// dumpPrograms are the names of the dump program, of MariaDB and of MySQL.
var dumpPrograms = []string{"mariadb-dump", "mysqldump"}

// dump runs the dump program of this machine.
func (a *address) dump(ctx context.Context, stdout *bytes.Buffer, args ...string) (string, error) {
	at := []string{"--no-defaults", "--user=" + a.login.user}
	if a.socket != "" {
		at = append(at, "--socket="+a.socket)
	} else {
		at = append(at, "--protocol=tcp", "--host="+a.host, "--port="+strconv.Itoa(a.port))
	}
	for _, program := range dumpPrograms {
		if _, err := exec.LookPath(program); err != nil {
			continue
		}
		_, err := proc.Run(ctx, proc.Command{Name: program, Args: append(at, args...), Env: []string{"MYSQL_PWD=" + a.login.password}, Stdout: stdout})
		var failed *proc.Error
		if errors.As(err, &failed) {
			return failed.Stderr, nil
		}
		return "", err
	}
	return "this machine has neither mariadb-dump nor mysqldump", nil
}

// findByAddress lists the databases of servers that dogear.yaml names. What
// belongs to no database is an item only if all of the server belongs to the
// workspace: its accounts may be those of others.
func (d *Driver) findByAddress(ctx context.Context, ws *kind.Workspace) ([]kind.Item, error) {
	servers, err := dsn.Servers(ws, Kind)
	if err != nil {
		return nil, err
	}
	var items []kind.Item
	for _, named := range servers {
		s, err := byAddress(ws, named)
		if err != nil {
			return nil, err
		}
		server := kind.Item{ID: kind.ID{Kind: Kind, Name: named.Name}}
		if named.All() {
			known, err := s.refresh(ctx, ws, server.ID, loadRecord(ws, server.ID))
			if err != nil {
				return nil, err
			}
			items = append(append(items, server), databaseItems(server, []kind.ID{server.ID}, known.Databases)...)
			continue
		}
		databases := named.Databases
		if len(databases) == 0 {
			databases = []string{s.address.database}
		}
		items = append(items, databaseItems(server, nil, databases)...)
	}
	return items, nil
}

// byAddress returns the server that an entry of dogear.yaml names.
func byAddress(ws *kind.Workspace, named dsn.Server) (*server, error) {
	text, err := named.Expand(ws)
	if err != nil {
		return nil, err
	}
	a, err := parseAddress(text, homeOptionFile)
	if err == nil && a.database == "" && len(named.Databases) == 0 {
		err = errors.New("the dsn names no database, and there are no databases: beside it")
	}
	if err != nil {
		return nil, fmt.Errorf("dogear.yaml: %s: server %s: %w", Kind, named.Name, err)
	}
	return &server{address: a, port: a.port}, nil
}

// serverNamed returns the server of an item that dogear.yaml names.
func serverNamed(ws *kind.Workspace, id kind.ID) (*server, error) {
	named, err := dsn.Named(ws, id)
	if err != nil {
		return nil, errDown{err.Error()}
	}
	return byAddress(ws, named)
}
