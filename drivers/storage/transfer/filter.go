package transfer

import (
	"path"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/internal/glob"
)

// A Filter says which objects of a tree are meant. A pattern is of names below the
// tree: ** stands for any number of parts between slashes, * and ? and […] for what
// is in one; a pattern without a slash is of the last part.
type Filter struct {
	Include []string // only those that match one of these; all if there is none
	Exclude []string // none that match one of these
}

func (f Filter) check() error {
	for _, p := range append(append([]string{}, f.Include...), f.Exclude...) {
		for part := range strings.SplitSeq(p, "/") {
			if _, err := path.Match(part, ""); err != nil {
				return op.Errorf(op.InvalidArgument, "the pattern %q cannot be read: %w", p, err)
			}
		}
	}
	return nil
}

// Match reports whether a name is meant.
func (f Filter) Match(name string) bool {
	return (len(f.Include) == 0 || matches(f.Include, name)) && !matches(f.Exclude, name)
}

// mayHold reports whether something in a folder, with a slash at its end, may be meant.
func (f Filter) mayHold(folder string) bool { return !matches(f.Exclude, folder) }

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if !strings.Contains(p, "/") {
			if glob.Match(p, path.Base(name)) {
				return true
			}
			continue
		}
		if glob.Match(strings.TrimPrefix(p, "/"), name) {
			return true
		}
	}
	return false
}
