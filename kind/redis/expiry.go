package redis

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"dogear/internal/content"
	"dogear/internal/rdb"
	"dogear/kind"
)

// deadlinesObject is the name of the list of keys that have a deadline.
const deadlinesObject = "deadlines"

// The values of -o redis.ttl.
const (
	ttlDeadline  = "deadline"
	ttlRemaining = "remaining"
)

func (p perishing) compare(other perishing) int {
	return cmp.Or(cmp.Compare(p.deadline, other.deadline), cmp.Compare(p.db, other.db),
		cmp.Compare(p.kind, other.kind), bytes.Compare(p.digest[:], other.digest[:]))
}

// perishingTypes give types a number, in the list that is stored.
var perishingTypes = []rdb.Type{rdb.String, rdb.List, rdb.Set, rdb.Hash, rdb.ZSet, rdb.Stream, rdb.Module}

// stored is a perishing as it is stored: big-endian, without gaps.
type stored struct {
	Deadline int64
	DB       uint32
	Type     uint8
	Digest   rdb.Digest
}

func putPerishing(ctx context.Context, sink kind.Sink, list []perishing) (kind.Object, error) {
	r, w := io.Pipe()
	go func() {
		b := bufio.NewWriter(w)
		for _, p := range list {
			if err := binary.Write(b, binary.BigEndian, stored{p.deadline, uint32(p.db), uint8(slices.Index(perishingTypes, p.kind)), p.digest}); err != nil {
				w.CloseWithError(err)
				return
			}
		}
		w.CloseWithError(b.Flush())
	}()
	defer func() { _ = r.Close() }() // ends the writer; a pipe in memory
	return content.PutList(ctx, sink, deadlinesObject, r)
}

func getPerishing(ctx context.Context, part kind.Part, source kind.Source) ([]perishing, error) {
	object, ok := part.Object(deadlinesObject)
	if !ok {
		return nil, nil
	}
	r := bufio.NewReader(content.Open(ctx, source, object))
	var list []perishing
	for {
		var p stored
		err := binary.Read(r, binary.BigEndian, &p)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of deadlines: %w", err)
		}
		if int(p.Type) >= len(perishingTypes) {
			return nil, errors.New("the list of deadlines is damaged")
		}
		list = append(list, perishing{p.Deadline, int(p.DB), perishingTypes[p.Type], p.Digest})
	}
}

// at returns what is left of a state at another instant, if nobody touches it
// and all deadlines were moved by so many milliseconds, and how many keys are
// gone.
func (s *state) at(instant, moved int64) (state, int) {
	later := *s
	later.Keys = maps.Clone(s.Keys)
	gone := 0
	for _, p := range s.perishing {
		dead := p.deadline+moved <= instant
		if !dead && moved == 0 {
			break // they are sorted
		}
		later.drop(deadlineFact(p.db), p.dated(0))
		if dead {
			later.drop(typeFact(p.db, p.kind), p.digest)
			gone++
		} else {
			later.put(deadlineFact(p.db), p.dated(moved))
		}
	}
	return later, gone
}

// shift says by how much a restore has moved the deadlines of a part.
type shift struct {
	Part  kind.ChunkID `json:"part"`
	Milli int64        `json:"milli"`
}

const shiftName = "redis-moved"

// moved returns by how much the deadlines of a part were moved when it was
// restored last; 0 if they were not, or if another part was restored since.
func moved(ws *kind.Workspace, part kind.Part) int64 {
	var s shift
	if ws.Cache == nil || json.Unmarshal(ws.Cache.Load(part.ID, shiftName), &s) != nil || s.Part != identity(part) {
		return 0
	}
	return s.Milli
}

// noteMoved remembers it.
func noteMoved(ws *kind.Workspace, part kind.Part, milli int64) error {
	if ws.Cache == nil {
		return nil
	}
	b, err := json.Marshal(shift{identity(part), milli})
	if err != nil {
		return err
	}
	return ws.Cache.Save(part.ID, shiftName, b)
}

// identity tells parts apart: each has its own instant in its description.
func identity(part kind.Part) kind.ChunkID {
	object, _ := part.Object(metaObject)
	if len(object.Chunks) == 0 {
		return kind.ChunkID{}
	}
	return object.Chunks[0]
}

// Outlasting returns what is left of the captured facts now that time has
// passed, and says how many keys have expired.
func (d *Driver) Outlasting(ctx context.Context, ws *kind.Workspace, part kind.Part, source kind.Source, captured kind.Facts) (kind.Facts, []kind.Gap, error) {
	want, err := getMeta(ctx, part, source)
	if err != nil || want.State == nil || len(want.State.perishing) == 0 {
		return captured, nil, err
	}
	live, err := d.look(ctx, ws, part.Item())
	if errors.Is(err, kind.ErrNotRunning) || errors.Is(err, kind.ErrGone) || err == nil && live.State == nil {
		return captured, nil, nil // what is wrong with it is said elsewhere
	}
	if err != nil {
		return nil, nil, err
	}
	left, gone := want.State.at(live.State.Taken, moved(ws, part))
	want.State = &left
	if gone == 0 {
		return kind.Stream(want.facts(ws.Redact)), nil, nil
	}
	return kind.Stream(want.facts(ws.Redact)), []kind.Gap{{
		Part: part.ID, What: fmt.Sprintf("keys that have expired since: %d", gone),
		Why: "their deadlines have passed; restored with -o redis.ttl=remaining they have the time left that they had",
	}}, nil
}
