package gce

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A filter is a parsed parameter filter.
type filter func(doc map[string]any) bool

var (
	// (field = "value"), as many as wanted: all of them must hold.
	terms = regexp.MustCompile(`^\(([\w.\p{L}-]+) = ("(?:[^"\\]|\\.)*")\)\s*`)
	// field eq expression, of the older form: the whole value must match.
	older = regexp.MustCompile(`^([\w.]+) eq (\S+)$`)
)

// parseFilter reads the two forms of filters of which the driver makes use.
func (d *discovery) parseFilter(text string, item *schema) (filter, error) {
	if m := older.FindStringSubmatch(text); m != nil {
		expression, err := regexp.Compile("^(?:" + m[2] + ")$")
		if err == nil {
			err = d.filterField(item, m[1])
		}
		if err != nil {
			return nil, &fault{where: "filter", what: err.Error()}
		}
		return func(doc map[string]any) bool { return expression.MatchString(lookup(doc, m[1])) }, nil
	}
	want := map[string]string{}
	for rest := text; rest != ""; {
		m := terms.FindStringSubmatch(rest)
		if m == nil {
			return nil, &fault{where: "filter", what: fmt.Sprintf("Invalid list filter expression %q", text)}
		}
		value, err := strconv.Unquote(m[2])
		if err == nil {
			err = d.filterField(item, m[1])
		}
		if err != nil {
			return nil, &fault{where: "filter", what: err.Error()}
		}
		want[m[1]] = value
		rest = rest[len(m[0]):]
	}
	return func(doc map[string]any) bool {
		for field, v := range want {
			if lookup(doc, field) != v {
				return false
			}
		}
		return true
	}, nil
}

// filterField makes sure that there is a field to filter by.
func (d *discovery) filterField(item *schema, path string) error {
	for name := range strings.SplitSeq(path, ".") {
		field, err := d.field(item, name)
		if err != nil {
			return err
		}
		item = field
	}
	return nil
}

// lookup is the text at a path of field names.
func lookup(doc map[string]any, path string) string {
	name, rest, more := strings.Cut(path, ".")
	if more {
		inner, _ := doc[name].(map[string]any)
		return lookup(inner, rest)
	}
	text, _ := doc[name].(string)
	return text
}
