package agent

import (
	"strconv"
	"strings"
	"time"
)

// parseWhen reads a time as people write it: RFC 3339, "2026-11-20",
// "2026-11-20 14:00", "14:00", "today", "yesterday 14:00", "monday 9:30",
// "2 hours ago". A day without a time means the end of that day.
func parseWhen(text string, now time.Time) (time.Time, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	if t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text)); err == nil {
		return t, true
	}
	if t, ok := parseAgo(text, now); ok {
		return t, true
	}
	first, rest, _ := strings.Cut(text, " ")
	if day, ok := parseDay(first, now); ok {
		return atClock(day, strings.TrimSpace(rest))
	}
	if text == "" {
		return time.Time{}, false
	}
	return atClock(now, text)
}

func parseDay(word string, now time.Time) (time.Time, bool) {
	switch word {
	case "today":
		return now, true
	case "yesterday":
		return now.AddDate(0, 0, -1), true
	}
	for back := 1; back <= 7; back++ {
		day := now.AddDate(0, 0, -back)
		if strings.EqualFold(day.Weekday().String(), word) {
			return day, true
		}
	}
	day, err := time.ParseInLocation(time.DateOnly, word, now.Location())
	return day, err == nil
}

// atClock is a time of day on the given day; "" is its last moment.
func atClock(day time.Time, clock string) (time.Time, bool) {
	y, m, d := day.Date()
	if clock == "" {
		return time.Date(y, m, d+1, 0, 0, 0, -1, day.Location()), true
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, clock); err == nil {
			return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, day.Location()), true
		}
	}
	return time.Time{}, false
}

// parseAgo reads "3 days ago", "2h ago".
func parseAgo(text string, now time.Time) (time.Time, bool) {
	text, ok := strings.CutSuffix(text, " ago")
	if !ok {
		return time.Time{}, false
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), true
	}
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return time.Time{}, false
	}
	switch strings.TrimSuffix(strings.TrimSpace(unit), "s") {
	case "minute":
		return now.Add(-time.Duration(n) * time.Minute), true
	case "hour":
		return now.Add(-time.Duration(n) * time.Hour), true
	case "day":
		return now.AddDate(0, 0, -n), true
	case "week":
		return now.AddDate(0, 0, -7*n), true
	}
	return time.Time{}, false
}
