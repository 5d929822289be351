package docker

import (
	"context"
	_ "embed"
	"net"
	"sync"
)

// Dial runs a program in a running container and returns its standard input
// and output as a connection, which ends with the program. A program that
// cannot be run is a connection that ends at once.
func (e *Engine) Dial(ctx context.Context, ref string, cmd Command) net.Conn {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ours, theirs := net.Pipe()
	conn := &pipe{Conn: ours, cancel: cancel}
	cmd.Stdin, cmd.Stdout = theirs, theirs
	conn.program.Go(func() {
		defer func() { _ = theirs.Close() }() // a pipe in memory
		_, _ = e.Exec(ctx, ref, cmd)          // its end is the end of the connection
	})
	return conn
}

// connectScript connects its standard input and output to the server whose
// socket the shell variable "socket" names, or else to its "port".
//
//go:embed connect.sh
var connectScript string

// DialServer connects to a server in a running container through whatever
// program there can do that. locate is a shell script, run as the user with the
// arguments, that sets "socket" and "port".
func (e *Engine) DialServer(ctx context.Context, ref, user, locate string, args ...string) net.Conn {
	argv := append([]string{"sh", "-c", locate + "\n" + connectScript, "sh"}, args...)
	return e.Dial(ctx, ref, Command{Argv: argv, User: user})
}

// pipe is a connection that ends with the program at its other end.
type pipe struct {
	net.Conn
	cancel  context.CancelFunc
	program sync.WaitGroup
}

func (p *pipe) Close() error {
	err := p.Conn.Close()
	p.cancel()
	p.program.Wait()
	return err
}
