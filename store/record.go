package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"dogear/internal/atomicfile"
)

// Format is the version of what is on disk (docs/format.md).
const Format = 1

type recordType string

const (
	typeStore      recordType = "store"
	typeSnapshot   recordType = "snapshot"
	typeAnnotation recordType = "annotation"
	typeDeletion   recordType = "deletion"
	typeReceipt    recordType = "receipt"
	typeEvent      recordType = "event"
)

// recordTail ends a record.
const recordTail = "}\n"

// recordHead returns what a record begins with: all but its body and tail.
func recordHead(t recordType, body []byte) []byte {
	return fmt.Appendf(nil, `{"format":%d,"type":"%s","sha256":"%x","body":`, Format, t, sha256.Sum256(body))
}

// encodeRecord returns the JSON document that is v's record.
func encodeRecord(t recordType, v any) ([]byte, error) {
	body, err := marshal(v)
	if err != nil {
		return nil, err
	}
	return append(append(recordHead(t, body), body...), recordTail...), nil
}

// decodeRecord checks every byte of a record, and reads its body into v.
func decodeRecord(b []byte, t recordType, v any) error {
	body, err := recordBody(b, t)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return nil
}

func recordBody(b []byte, t recordType) ([]byte, error) {
	start := len(recordHead(t, nil))
	if len(b) < start+len(recordTail) {
		return nil, notARecord(b, t)
	}
	head, body, tail := b[:start], b[start:len(b)-len(recordTail)], b[len(b)-len(recordTail):]
	if string(tail) != recordTail || !bytes.Equal(head, recordHead(t, body)) {
		return nil, notARecord(b, t)
	}
	return body, nil
}

// notARecord says what is wrong: another format is no damage.
func notARecord(b []byte, t recordType) error {
	r := struct {
		Format int `json:"format"`
	}{Format: Format}
	switch err := json.Unmarshal(b, &r); {
	case err == nil && r.Format > Format:
		return fmt.Errorf("format %d, this version reads %d: %w", r.Format, Format, ErrNewer)
	case err == nil && r.Format < Format:
		return fmt.Errorf("format %d, this version reads %d: %w", r.Format, Format, ErrOlder)
	}
	return fmt.Errorf("not a whole record of a %s: %w", t, ErrDamaged)
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

// decode reads a record of the catalog.
func decode[T any](b []byte, t recordType) (v T, err error) {
	if err := decodeRecord(b, t, &v); err != nil {
		return v, fmt.Errorf("read %s of catalog: %w", t, err)
	}
	return v, nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
