package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dogear/internal/content"
	"dogear/kind"
)

// metaObject is the name of the driver's private object.
const metaObject = "meta"

// meta is all that is known about a server. It holds passwords: it is stored
// with a part, and written nowhere else.
type meta struct {
	Format  int  `json:"format"`
	Running bool `json:"running"`
	// Version is the program and its version: "redis 7.0.15".
	Version string `json:"version,omitempty"`
	// Address is where the server was, if it was in no container.
	Address string `json:"address,omitempty"`
	// Master is the server that it is a replica of.
	Master   string            `json:"master,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`
	// Users are the lines of ACL LIST, by user.
	Users map[string]string `json:"users,omitempty"`
	// State is nil if the memory was not read.
	State *state `json:"state,omitempty"`

	info map[string]string // what the server says of itself
	size int64             // of the data in memory
}

func getMeta(ctx context.Context, part kind.Part, source kind.Source) (*meta, error) {
	object, ok := part.Object(metaObject)
	if !ok {
		return nil, errors.New("the part lacks its description")
	}
	var m meta
	if err := content.GetJSON(ctx, source, object, &m); err != nil {
		return nil, err
	}
	if m.State == nil {
		return &m, nil
	}
	var err error
	m.State.perishing, err = getPerishing(ctx, part, source)
	return &m, err
}

// describe asks a server for all that is not keys. What it does not let us
// see is nil.
func (c *client) describe(ctx context.Context) (*meta, error) {
	said, err := c.Info(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("ask the server about itself: %w", err)
	}
	m := &meta{Running: true, info: parseInfo(said)}
	m.Version = "redis " + m.info["redis_version"]
	if valkey := m.info["valkey_version"]; valkey != "" {
		m.Version = "valkey " + valkey
	}
	if m.info["role"] == "slave" {
		m.Master = m.info["master_host"] + ":" + m.info["master_port"]
	}
	if _, err := fmt.Sscan(m.info["used_memory_dataset"], &m.size); err != nil {
		m.size = 0 // an old server: it is not known to be large
	}
	if m.Settings, err = c.ConfigGet(ctx, "*").Result(); err != nil && !isAnswer(err) {
		return nil, fmt.Errorf("ask for the settings: %w", err)
	}
	lines, err := c.Do(ctx, "ACL", "LIST").StringSlice()
	if err != nil {
		if !isAnswer(err) {
			return nil, fmt.Errorf("ask for the users: %w", err)
		}
		return m, nil
	}
	m.Users = make(map[string]string)
	for _, line := range lines {
		if words := strings.Fields(line); len(words) > 1 {
			m.Users[words[1]] = strings.Join(slices.DeleteFunc(words[2:], saysNothing), " ")
		}
	}
	return m, nil
}

// saysNothing recognises the rule that a user has without it, too, and that
// appears once the user is set anew.
func saysNothing(rule string) bool { return rule == "sanitize-payload" }

func parseInfo(said string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(said) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// maxSize is how much data is looked at without being asked to where there
// are files to rely on.
const maxSize = 2 << 30

// appends reports whether the files of the server are its state.
func (m *meta) appends() bool { return m.Settings["appendonly"] == "yes" }

// isLarge reports whether reading the memory is left out.
func (m *meta) isLarge() bool { return m.size > maxSize && m.appends() }

// facts returns all facts about the server.
func (m *meta) facts(redact func(string) string) []kind.Fact {
	facts := []kind.Fact{{Name: "version", Value: m.Version}}
	if m.Master != "" {
		facts = append(facts, kind.Fact{Name: "replica of", Value: m.Master})
	}
	for name, value := range m.Settings {
		if value != "" && isSecret(name) {
			value = redact(value)
		}
		facts = append(facts, kind.Fact{Name: "setting " + name, Value: value})
	}
	for name, rules := range m.Users {
		facts = append(facts, kind.Fact{Name: "user " + name, Value: withoutPasswords(rules, redact)})
	}
	if m.State != nil {
		facts = append(facts, m.State.facts()...)
	}
	return facts
}

// isSecret reports whether a setting may hold what nobody should read.
func isSecret(setting string) bool {
	return slices.ContainsFunc([]string{"pass", "auth", "user", "secret", "token"}, func(s string) bool { return strings.Contains(setting, s) })
}

// withoutPasswords replaces the digests of passwords among a user's rules: a
// plain SHA-256 of a password is soon guessed.
func withoutPasswords(rules string, redact func(string) string) string {
	words := strings.Fields(rules)
	for i, w := range words {
		if strings.HasPrefix(w, "#") {
			words[i] = "#" + redact(w)
		}
	}
	return strings.Join(words, " ")
}

// look returns what there is to know about a server now. In one look at the
// workspace the server is asked once.
func (d *Driver) look(ctx context.Context, ws *kind.Workspace, item kind.Item) (*meta, error) {
	v, err := ws.Shared.Once("redis "+item.ID.String(), func() (any, error) {
		return d.lookNow(ctx, ws, item)
	})
	if err != nil {
		return nil, err
	}
	m := *v.(*meta)
	return &m, nil
}

func (d *Driver) lookNow(ctx context.Context, ws *kind.Workspace, item kind.Item) (*meta, error) {
	s, err := d.server(ctx, ws, item)
	if err != nil {
		return nil, err
	}
	c, err := s.connect(ctx)
	if err != nil {
		return nil, cannotAsk(ctx, err)
	}
	defer c.hangUp()
	return c.see(ctx)
}

// see reads everything.
func (c *client) see(ctx context.Context) (*meta, error) {
	m, err := c.describe(ctx)
	if err != nil {
		return nil, cannotAsk(ctx, err)
	}
	if m.isLarge() {
		return m, nil
	}
	stream, taken, err := c.hold(ctx, m.Settings)
	if err != nil {
		return nil, cannotAsk(ctx, err)
	}
	defer stream.close()
	defer context.AfterFunc(ctx, stream.close)()
	m.State, err = readState(stream, nil, taken)
	return m, err
}

// hold makes the server fork, and returns the instant by its own clock.
func (c *client) hold(ctx context.Context, settings map[string]string) (*replica, int64, error) {
	stream, err := c.fork(ctx, settings)
	if err != nil {
		return nil, 0, err
	}
	now, err := c.Time(ctx).Result()
	if err != nil {
		stream.close()
		return nil, 0, fmt.Errorf("ask for the time: %w", err)
	}
	return stream, now.UnixMilli(), nil
}

// cannotAsk makes a failure to learn something an error that the engines know:
// such a server is not comparable.
func cannotAsk(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, kind.ErrNotRunning):
		return err
	}
	return errDown{err.Error()}
}

// names returns the sorted names in either map.
func names(a, b map[string]string) []string {
	all := maps.Clone(a)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}
