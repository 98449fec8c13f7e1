// Package glob matches slash-separated names with patterns.
package glob

import (
	"path"
	"strings"
)

// Match reports whether a slash-separated path matches a pattern: ** stands for
// any number of its parts, the rest is path.Match.
func Match(pattern, name string) bool {
	return match(strings.Split(pattern, "/"), strings.Split(name, "/"))
}

// match goes back to the last ** alone: what an earlier one could still take, the
// last one can, too.
func match(pattern, name []string) bool {
	p, n := 0, 0
	star, taken := -1, 0 // the last ** in the pattern, and where what it takes ends
	for n < len(name) {
		if p < len(pattern) && pattern[p] == "**" {
			star, taken = p, n
			p++
			continue
		}
		if p < len(pattern) {
			if ok, err := path.Match(pattern[p], name[n]); ok && err == nil {
				p, n = p+1, n+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		taken++
		p, n = star+1, taken
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}
