package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"dogear/internal/atomicfile"
)

// Format is the version of what is on disk (docs/format.md).
const Format = 0

type recordType string

const (
	typeStore    recordType = "store"
	typeSnapshot recordType = "snapshot"
	typeReceipt  recordType = "receipt"
	typeEvent    recordType = "event"
)

// record is the envelope of a JSON document in a file of its own.
type record struct {
	Format int             `json:"format"`
	Type   recordType      `json:"type"`
	SHA256 string          `json:"sha256"` // of Body, as it stands in the file
	Body   json.RawMessage `json:"body"`
}

func encodeRecord(t recordType, v any) ([]byte, error) {
	body, err := marshal(v)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(body)
	b, err := marshal(record{Format: Format, Type: t, SHA256: hex.EncodeToString(digest[:]), Body: body})
	return append(b, '\n'), err
}

// decodeRecord checks every byte of a record, and reads its body into v.
func decodeRecord(b []byte, t recordType, v any) error {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	if r.Format > Format {
		return fmt.Errorf("format %d, this version reads %d: %w", r.Format, Format, ErrNewer)
	}
	digest := sha256.Sum256(r.Body)
	again, err := json.Marshal(record{Format: Format, Type: t, SHA256: hex.EncodeToString(digest[:]), Body: r.Body})
	if err != nil || !bytes.Equal(append(again, '\n'), b) {
		return fmt.Errorf("the %s has another digest: %w", t, ErrDamaged)
	}
	if err := json.Unmarshal(r.Body, v); err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return nil
}

func writeRecord(path string, t recordType, v any) error {
	b, err := encodeRecord(t, v)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, 0o600, b)
}

func readRecord(path string, t recordType, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := decodeRecord(b, t, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
