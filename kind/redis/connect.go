package redis

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// dialTime is how long one way to a server may take until it answers.
	dialTime = 5 * time.Second
	// answerTime is how long a command may take: loading a very large key is one.
	answerTime = 5 * time.Minute
)

// dialInside reaches the server through a program that runs beside it:
// networks that this host has no part in, and servers that listen to local
// clients only.
func (s *server) dialInside(ctx context.Context) net.Conn {
	return s.engine.DialServer(ctx, s.container.ID, "", "port=$1 socket=$2", s.port, s.socket)
}

// client is a connection to a server that let us in.
type client struct {
	*redis.Client
	dial  dialer
	login login
}

// connect logs in by the first way that lets us read the configuration, or
// else by the first that lets us in at all.
func (s *server) connect(ctx context.Context) (*client, error) {
	if s.down != nil {
		return nil, s.down
	}
	var second *client
	var refused []error
	logins := s.logins(ctx)
	for _, dial := range s.dialers() {
		for _, l := range logins {
			c := newClient(dial, l)
			mayAsk, err := c.knock(ctx)
			switch {
			case err != nil:
				refused = append(refused, err)
				c.hangUp()
			case mayAsk:
				second.hangUp()
				return c, nil
			case second == nil:
				second = c
			default:
				c.hangUp()
			}
			if err != nil && !isAnswer(err) {
				break // no other login will do better there
			}
		}
	}
	if second != nil {
		return second, nil
	}
	return nil, refusals(refused)
}

func newClient(dial dialer, l login) *client {
	return &client{dial: dial, login: l, Client: redis.NewClient(&redis.Options{
		Addr:   "server",
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		// The library would not send a user without a password.
		Username: l.user, Password: l.password,
		Protocol: 2, DisableIdentity: true, MaxRetries: -1, PoolSize: 2, DialerRetries: 1,
		ReadTimeout: answerTime, WriteTimeout: answerTime, ContextTimeoutEnabled: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}
}

// knock logs in, and reports whether we may ask for the configuration.
func (c *client) knock(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	// Not PING: who has to log in first is told so by this as well.
	err := c.Echo(ctx, "dogear").Err()
	if err != nil && !isDenied(err) {
		return false, err
	}
	return c.ConfigGet(ctx, "dir").Err() == nil, nil
}

// hangUp closes the connection; nil has none.
func (c *client) hangUp() {
	if c != nil {
		_ = c.Close() // nothing is on its way
	}
}

// refusals says why no way leads to a server: what the server itself said, if
// it said anything.
type refusals []error

func (r refusals) Error() string {
	var answers []string
	for _, err := range r {
		if isAnswer(err) && !slices.Contains(answers, err.Error()) {
			answers = append(answers, err.Error())
		}
	}
	if len(answers) == 0 {
		return errNoAnswer.Error()
	}
	return strings.Join(answers, "; ")
}

func (r refusals) Unwrap() []error { return r }

// isAnswer reports whether an error is what the server said.
func isAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

func isDenied(err error) bool { return hasPrefix(err, "NOPERM") }

// isLoading reports whether the server says that it will be there soon.
func isLoading(err error) bool { return hasPrefix(err, "LOADING") }

func hasPrefix(err error, prefix string) bool {
	var several refusals
	if errors.As(err, &several) {
		return slices.ContainsFunc(several, func(err error) bool { return hasPrefix(err, prefix) })
	}
	return isAnswer(err) && strings.HasPrefix(err.Error(), prefix)
}
