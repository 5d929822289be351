package kind

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sync"
)

// Workspace is what a driver is told about the workspace it works for.
type Workspace struct {
	// Root is the workspace's directory, absolute, without symbolic links.
	Root string

	// Config holds the sections of dogear.yaml that belong to a kind, by
	// kind. Only the kind's driver decodes its own.
	Config map[string]json.RawMessage

	// Options are the values given as -o kind.key=value, by "kind.key".
	Options map[string]string

	// Volatile are further paths that a system writes by itself (see the
	// volatile key of dogear.yaml): captured and restored as bytes, and
	// otherwise not compared.
	Volatile []Pattern

	// Dumps says whether databases are dumped: "auto", "always" or "never".
	// Dumped lists the items that are in any case: a restore that is about to
	// change one without its files needs the dump to take that back. See
	// DumpOf.
	Dumps  string
	Dumped []ID

	// Safety names the safety snapshot of the restore that is going on: under
	// that name an Exchanger keeps what it exchanges. "": nothing is being
	// restored, or it is being taken back.
	Safety string

	// Variables are those of the user's environment that Config refers to.
	// See Expand.
	Variables map[string]string

	// Redact returns a digest of a value that may be secret, keyed with the
	// store's own key, so that facts can be compared without being readable.
	Redact func(secret string) string

	// Cache keeps what can be worked out again. Deleting it costs time only.
	Cache Cache

	// Shared keeps what drivers work out more than once in one look at the
	// workspace. Nil: nothing is kept.
	Shared *Shared

	// Kept keeps for as long as a job lasts what is true however often one
	// looks: what content that is named by its digest means. Nil: nothing is
	// kept.
	Kept *Shared

	// Traffic counts for as long as a job lasts. Nil: nothing is counted.
	Traffic *Traffic
}

// Option returns the value of -o kind.key=value, or "".
func (ws *Workspace) Option(kind, key string) string { return ws.Options[kind+"."+key] }

// DumpOf says whether an item is dumped: "auto", "always" or "never".
func (ws *Workspace) DumpOf(id ID) string {
	switch {
	case slices.Contains(ws.Dumped, id):
		return "always"
	case ws.Dumps == "":
		return "auto"
	}
	return ws.Dumps
}

// Expand replaces each ${NAME} in a value of Config. It refuses a name that is
// not set: an empty password would be tried in vain.
func (ws *Workspace) Expand(s string) (string, error) {
	var missing string
	expanded := Reference.ReplaceAllStringFunc(s, func(ref string) string {
		name := ref[2 : len(ref)-1]
		value, ok := ws.Variables[name]
		if !ok {
			missing = name
		}
		return value
	})
	if missing != "" {
		return "", fmt.Errorf("the environment has no variable %s, which dogear.yaml refers to: export it, and run the command again", missing)
	}
	return expanded, nil
}

// Reference matches a reference to a variable of the environment.
var Reference = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// Cache keeps a blob for each item and name.
type Cache interface {
	// Load returns nil if there is nothing.
	Load(id ID, name string) []byte
	Save(id ID, name string, content []byte) error
}

// Look returns the workspace for one look at it: whatever drivers ask of it
// again, they have asked for at the same moment.
func (ws *Workspace) Look() *Workspace {
	look := *ws
	look.Shared = &Shared{}
	return &look
}

// Shared keeps results by name. It is safe for concurrent use.
type Shared struct {
	mu     sync.Mutex
	values map[string]*shared
}

type shared struct {
	sync.Mutex
	known bool
	value any
}

// Once returns what is kept under a name, and otherwise what work returns. An
// error is not kept. A nil Shared keeps nothing.
func (s *Shared) Once(name string, work func() (any, error)) (any, error) {
	if s == nil {
		return work()
	}
	v := s.of(name)
	v.Lock()
	defer v.Unlock()
	if v.known {
		return v.value, nil
	}
	value, err := work()
	if err != nil {
		return nil, err
	}
	v.known, v.value = true, value
	return value, nil
}

// Known returns what is kept under a name, if anything is.
func (s *Shared) Known(name string) (any, bool) {
	if s == nil {
		return nil, false
	}
	v := s.of(name)
	v.Lock()
	defer v.Unlock()
	return v.value, v.known
}

// Take returns what is kept under a name, if anything is, and keeps it no more.
func (s *Shared) Take(name string) (any, bool) {
	if s == nil {
		return nil, false
	}
	v := s.of(name)
	v.Lock()
	defer v.Unlock()
	value, known := v.value, v.known
	v.value, v.known = nil, false
	return value, known
}

func (s *Shared) of(name string) *shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = make(map[string]*shared)
	}
	if s.values[name] == nil {
		s.values[name] = &shared{}
	}
	return s.values[name]
}
