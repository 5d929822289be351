package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dogear/agent/api"
)

// keySafety is the one key of the section that is no number.
const keySafety = "safety"

// defaultSafety is how long safety snapshots are kept if nothing is said.
const defaultSafety = 14 * 24 * time.Hour

// defaultRetention keeps everything that was made by hand.
func defaultRetention() api.Retention {
	return api.Retention{SafetyMS: defaultSafety.Milliseconds()}
}

// counts are the keys of the section that are numbers.
func counts(r *api.Retention) map[string]*int {
	return map[string]*int{
		"last": &r.Last, "hourly": &r.Hourly, "daily": &r.Daily,
		"weekly": &r.Weekly, "monthly": &r.Monthly, "yearly": &r.Yearly,
	}
}

// setRetention lays the section of a file over what was read before it, key
// by key.
func setRetention(r *api.Retention, f file, e entry) error {
	section, ok := e.value.(map[string]any)
	if !ok {
		return f.mistake(e, "retention: keys are wanted here", "for example daily: 7")
	}
	numbers := counts(r)
	for _, key := range slices.Sorted(maps.Keys(section)) {
		number, known := numbers[key]
		switch {
		case key == keySafety:
			length, err := parseAge(section[key])
			if err != nil {
				return f.mistake(e, fmt.Sprintf("retention: safety cannot be %v", section[key]), "write it as 14d, 2w or 36h")
			}
			r.SafetyMS = length.Milliseconds()
		case !known:
			return unknownKey(f.path, entry{key: key, line: e.line}, append(slices.Collect(maps.Keys(numbers)), keySafety))
		default:
			n, ok := section[key].(int)
			if !ok || n < 0 {
				return f.mistake(e, fmt.Sprintf("retention: %s cannot be %v", key, section[key]), "it is a number of snapshots to keep; 0 is as if it was not there")
			}
			*number = n
		}
	}
	return nil
}

// parseAge reads 14d, 2w, 36h, or 0.
func parseAge(value any) (time.Duration, error) {
	if value == 0 {
		return 0, nil
	}
	text, ok := value.(string)
	if !ok || text == "" {
		return 0, strconv.ErrSyntax
	}
	units := map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	unit, ok := units[text[len(text)-1:]]
	if !ok {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text[:len(text)-1]), 10, 15)
	return time.Duration(n) * unit, err
}

func (f file) mistake(e entry, what, hint string) error {
	return &Error{Message: fmt.Sprintf("%s: line %d: %s", f.path, e.line, what), Hint: hint}
}
