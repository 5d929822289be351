package redis

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"strconv"
	"strings"
	"time"

	"dogear/internal/content"
	"dogear/internal/dbdiff"
	"dogear/internal/rdb"
	"dogear/internal/rowtext"
	"dogear/kind"
)

var _ kind.Explainer = (*Driver)(nil)

// keysFact is what the explanation of keys is about: all databases.
const keysFact = "keys"

// columns are what is known of a key. Types and deadlines are no secrets.
var columns = []string{"db", "key", "type", "expires", "value"}

// Explain shows which keys differ. A key that would have expired by itself is
// no difference.
func (d *Driver) Explain(ctx context.Context, ws *kind.Workspace, a, b kind.State, how kind.Explaining) iter.Seq2[kind.Explanation, error] {
	return dbdiff.Explanations(func() ([]kind.Explanation, error) { return d.explain(ctx, ws, a, b, how) })
}

func (d *Driver) explain(ctx context.Context, ws *kind.Workspace, a, b kind.State, how kind.Explaining) ([]kind.Explanation, error) {
	before, err := d.side(ctx, ws, a)
	if err != nil || before == nil {
		return nil, err
	}
	after, err := d.side(ctx, ws, b)
	if err != nil || after == nil {
		return nil, err
	}
	defer after.close()
	if after.stream == nil && maps.Equal(before.meta.State.Keys, after.meta.State.Keys) {
		return nil, nil
	}
	if after.stream != nil {
		before.moved = moved(ws, a.Part)
	}
	before.instant = max(before.taken, after.taken)
	after.instant = before.instant
	for _, s := range []*side{before, after} {
		if _, stored := s.state.Part.Object(memoryObject); s.stream == nil && !stored {
			return []kind.Explanation{{Fact: keysFact, Summary: "the keys of one side were not kept"}}, nil
		}
	}
	table := dbdiff.Table{Fact: keysFact, Noun: "key", Key: columns[:2], Open: columns[2:4]}
	e, err := dbdiff.Rows(ctx, table, before.rows(how), after.rows(how), how)
	return []kind.Explanation{e}, err
}

// side is one of two states that are compared.
type side struct {
	state   kind.State
	meta    *meta    // of what was captured
	stream  *replica // of what is live; it is read once
	client  *client
	taken   int64
	instant int64 // at which keys are there, or have expired
	moved   int64 // by how much deadlines were moved since
}

// side gets hold of a state; nil if its keys are not known.
func (d *Driver) side(ctx context.Context, ws *kind.Workspace, state kind.State) (*side, error) {
	s := &side{state: state}
	if state.Live() {
		return s.look(ctx, d, ws)
	}
	var err error
	if s.meta, err = getMeta(ctx, state.Part, state.Source); err != nil || s.meta.State == nil {
		return nil, err
	}
	s.taken = s.meta.State.Taken
	return s, nil
}

// look has the live server fork.
func (s *side) look(ctx context.Context, d *Driver, ws *kind.Workspace) (*side, error) {
	server, err := d.server(ctx, ws, s.state.Part.Item())
	if err != nil {
		return nil, err
	}
	if s.client, err = server.connect(ctx); err != nil {
		return nil, cannotAsk(ctx, err)
	}
	m, err := s.client.describe(ctx)
	if err == nil && !m.isLarge() {
		s.stream, s.taken, err = s.client.hold(ctx, m.Settings)
	}
	if err != nil || s.stream == nil {
		s.close()
		return nil, cannotAsk(ctx, err)
	}
	return s, nil
}

func (s *side) close() {
	s.stream.close()
	s.client.hangUp()
}

func (s *side) rows(how kind.Explaining) dbdiff.State {
	state := dbdiff.State{Columns: columns, Once: s.stream != nil, Lines: func(ctx context.Context) io.ReadCloser {
		return dbdiff.Written(func(w io.Writer) error {
			if s.stream != nil {
				defer context.AfterFunc(ctx, s.stream.close)()
				return s.copyKeys(s.stream, w, how)
			}
			memory, _ := s.state.Part.Object(memoryObject)
			return s.copyKeys(content.Open(ctx, s.state.Source, memory), w, how)
		})
	}}
	if s.meta != nil {
		for name, sum := range s.meta.State.Keys {
			if !strings.HasSuffix(name, " deadlines") {
				state.Rows += sum.Count
			}
		}
	}
	return state
}

// copyKeys writes a line for each key that is there.
func (s *side) copyKeys(r io.Reader, w io.Writer, how kind.Explaining) error {
	reader := rdb.NewReader(r)
	reader.Texts = how.Values
	var line []byte
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if record.Key == nil || s.isGone(record.Key) {
			continue
		}
		line = s.appendKey(line[:0], record.Key, how)
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
}

func (s *side) isGone(k *rdb.Key) bool { return k.Deadline != 0 && k.Deadline+s.moved <= s.instant }

func (s *side) appendKey(line []byte, k *rdb.Key, how kind.Explaining) []byte {
	expires := "never"
	if k.Deadline != 0 {
		expires = time.UnixMilli(k.Deadline + s.moved).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	for _, field := range []string{strconv.Itoa(k.DB), string(k.Name), string(k.Type), expires, shownValue(k, how)} {
		line = append(rowtext.Append(line, []byte(field)), '\t')
	}
	line[len(line)-1] = '\n'
	return line
}

// shownValue tells values apart: by the text of a string, if that is all of it,
// and otherwise by a digest too.
func shownValue(k *rdb.Key, how kind.Explaining) string {
	digest := hex.EncodeToString(k.Digest[:16])
	switch {
	case !how.Values:
		return digest
	case k.Type == rdb.String && !k.Cut:
		return k.Text
	}
	return strings.TrimSpace(fmt.Sprintf("%s (sha256 %s)", k.Text, digest))
}
