package google

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// labels checks tags, which are labels here.
func labels(tags map[string]string) (map[string]string, error) {
	for k, v := range tags {
		first, _ := utf8.DecodeRuneInString(k)
		if !unicode.IsLetter(first) || !plain(k) || !plain(v) {
			return nil, op.Errorf(op.InvalidArgument, "the tag %q: %q cannot be: labels are at most 63 lower-case letters, digits, \"_\" and \"-\" "+
				"at Google Cloud, and a key begins with a letter", k, v)
		}
	}
	if len(tags) > 64 {
		return nil, op.Errorf(op.InvalidArgument, "%d tags are too many: Google Cloud takes 64 labels", len(tags))
	}
	return tags, nil
}

// plain reports whether all of s can be in a label.
func plain(s string) bool {
	if utf8.RuneCountInString(s) > 63 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(unicode.IsLetter(r) && !unicode.IsUpper(r) || unicode.IsDigit(r) || r == '_' || r == '-')
	})
}

// tagsOf are labels as tags; never nil.
func tagsOf(labels map[string]string) map[string]string {
	if labels == nil {
		return map[string]string{}
	}
	return labels
}
