package config

import (
	"slices"
	"strings"
)

// maxDistance is how many typing errors a suggestion may be away.
const maxDistance = 2

// Nearest returns the known word that is most like the given one, or "" if
// none is near.
func Nearest(word string, known []string) string {
	best, distance := "", maxDistance+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := levenshtein(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// levenshtein counts the insertions, deletions and replacements between two
// words, row by row.
func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func list(words []string) string {
	return strings.Join(slices.Sorted(slices.Values(words)), ", ")
}
