package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStreamEndsWithResult(t *testing.T) {
	var seen []Frame
	in := `{"job":"7"}` + "\n" + `{"progress":{"stage":"reading"}}` + "\n" + `{"result":{"a":1}}` + "\n"
	result, err := readStream(strings.NewReader(in), func(f Frame) { seen = append(seen, f) })
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(result))
	require.Equal(t, []Frame{{Job: "7"}, {Progress: &Progress{Stage: "reading"}}}, seen)
}

func TestStreamEndsWithError(t *testing.T) {
	_, err := readStream(strings.NewReader(`{"error":{"code":"busy","message":"m","hint":"h","state":"s"}}`), func(Frame) {})
	require.Equal(t, &Error{Code: CodeBusy, Message: "m", Hint: "h", State: "s"}, AsError(err))
}

func TestStreamThatBreaksOffIsUnfinished(t *testing.T) {
	for _, in := range []string{"", `{"job":"7"}` + "\n", `{"result":{"a"`} {
		_, err := readStream(strings.NewReader(in), func(Frame) {})
		require.Equal(t, CodeUnfinished, AsError(err).Code, in)
		require.Equal(t, "run dogear recover", AsError(err).Hint)
	}
}

func TestAsError(t *testing.T) {
	known := &Error{Code: CodeNotFound, Message: "m"}
	require.Same(t, known, AsError(fmt.Errorf("while looking: %w", known)))
	require.Equal(t, &Error{Code: CodeFailed, Message: "boom"}, AsError(errors.New("boom")))
}

func FuzzReadStream(f *testing.F) {
	f.Add(`{"job":"7"}` + "\n" + `{"result":{}}`)
	f.Fuzz(func(_ *testing.T, in string) {
		_, _ = readStream(strings.NewReader(in), func(Frame) {}) // it may refuse; it may not panic
	})
}
