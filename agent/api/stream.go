package api

import (
	"encoding/json"
	"fmt"
	"io"
)

// Frame is one line of an answer: exactly one of its fields is set.
type Frame struct {
	Job      string          `json:"job,omitempty"` // first frame: the job's id
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// Progress says what a job is doing at the moment, or notes something that its
// user has to know whatever comes of it.
type Progress struct {
	Stage string `json:"stage,omitempty"`
	Note  string `json:"note,omitempty"`
}

// readStream hands the frames before the last to each and returns the result.
// It reads to the end: only then can the connection be used again, and a
// client without a connection is none to the agent.
func readStream(r io.Reader, each func(Frame)) (json.RawMessage, error) {
	defer func() { _, _ = io.Copy(io.Discard, r) }()
	decoder := json.NewDecoder(r)
	for {
		var f Frame
		if err := decoder.Decode(&f); err != nil {
			return nil, lost(err)
		}
		switch {
		case f.Error != nil:
			return nil, f.Error
		case f.Result != nil:
			return f.Result, nil
		default:
			each(f)
		}
	}
}

// lostError is the error of a stream that ended without an outcome: the agent
// died.
type lostError struct{ is *Error }

func (e *lostError) Error() string { return e.is.Message }

func (e *lostError) Unwrap() error { return e.is }

func lost(err error) error {
	return &lostError{&Error{
		Code:    CodeUnfinished,
		Message: fmt.Sprintf("the agent went away in the middle of the job: %v", err),
		State:   "unknown until the next command has looked: it finishes or rolls back what was interrupted",
		Hint:    "run dogear recover",
	}}
}
