package op

import (
	"slices"
	"strings"
)

// Nearest returns the up to three names that a misspelling may have meant, the
// likeliest first. What is longer than any name is nobody's misspelling.
func Nearest(name string, names []string) []string {
	if len(name) > 100 {
		return nil
	}
	type near struct {
		name     string
		distance int
	}
	var found []near
	low := strings.ToLower(name)
	for _, n := range names {
		d := distance(low, strings.ToLower(n))
		switch {
		case d <= max(1, len(name)/3):
		case len(low) >= 3 && (strings.Contains(strings.ToLower(n), low) || len(n) >= 3 && strings.Contains(low, strings.ToLower(n))):
			d = len(name) + d // after every misspelling
		default:
			continue
		}
		found = append(found, near{n, d})
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.distance - b.distance })
	out := make([]string, 0, 3)
	for _, f := range found[:min(3, len(found))] {
		out = append(out, f.name)
	}
	return out
}

// DidYouMean is the end of a message about an unknown name: "; did you mean
// size?" where something is near, else the names there are, if they are few.
func DidYouMean(name string, names []string) string {
	if near := Nearest(name, names); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	if len(names) == 0 || len(names) > 24 {
		return ""
	}
	return " (there are: " + strings.Join(names, ", ") + ")"
}

// distance is the optimal string alignment distance: insertions, deletions,
// replacements and swaps of neighbours.
func distance(a, b string) int {
	prev2, prev := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j+1]+1, row[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], prev2[j-1]+1)
			}
		}
		prev2, prev = prev, row
	}
	return prev[len(b)]
}
