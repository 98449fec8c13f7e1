package gce

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A fault is what is wrong with a request.
type fault struct {
	where, what string
	value       bool // it is the value that is refused: a user can cause that, where all others are a driver's defect
}

func (f *fault) Error() string { return fmt.Sprintf("%s: %s", f.where, f.what) }

// parameters checks the parameters of a request.
func (d *discovery) parameters(m *method, path map[string]string, query url.Values) error {
	for name, v := range path {
		p := m.Parameters[name]
		if p == nil {
			return &fault{where: name, what: "the path has a parameter that the method does not describe"}
		}
		if err := p.parameter(name, v); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		p := m.Parameters[name]
		if p == nil {
			p = d.Parameters[name]
		}
		switch {
		case p == nil || p.Location != "query":
			return &fault{where: name, what: m.ID + " has no such query parameter"}
		case len(query[name]) > 1 && !p.Repeated:
			return &fault{where: name, what: "given more than once"}
		}
		for _, v := range query[name] {
			if err := p.parameter(name, v); err != nil {
				return err
			}
		}
	}
	for name, p := range m.Parameters {
		if p.Required && p.Location == "query" && !query.Has(name) {
			return &fault{where: name, what: "missing"}
		}
	}
	return nil
}

// parameter checks the text of a parameter.
func (s *schema) parameter(name, v string) error {
	var err error
	switch s.Type {
	case "boolean":
		_, err = strconv.ParseBool(v)
	case "integer":
		err = integer(s.Format, v)
	case "string":
		switch s.Format {
		case "int64", "uint64":
			err = integer(s.Format, v)
		}
	default:
		err = fmt.Errorf("a parameter of type %q", s.Type)
	}
	if err != nil {
		return &fault{where: name, what: fmt.Sprintf("%q is no %s: %v", v, s.Type, err)}
	}
	if least, err := strconv.Atoi(s.Minimum); err == nil {
		if n, err := strconv.Atoi(v); err == nil && n < least {
			return &fault{where: name, what: fmt.Sprintf("%q is less than %d", v, least), value: true}
		}
	}
	return s.word(name, v)
}

// word checks a string against an enumeration and a pattern.
func (s *schema) word(where, v string) error {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return &fault{where: where, what: fmt.Sprintf("%q is none of %q", v, s.Enum), value: true}
	}
	if s.pattern != nil && !s.pattern.MatchString(v) {
		return &fault{where: where, what: fmt.Sprintf("%q is not like %s", v, s.Pattern), value: true}
	}
	return nil
}

// integer checks the text of a number of a format.
func integer(format, v string) error {
	n, ok := new(big.Int).SetString(v, 10)
	if !ok {
		return fmt.Errorf("no integer")
	}
	bits := map[string]int{"int32": 31, "uint32": 32, "int64": 63, "uint64": 64}[format]
	if bits == 0 {
		return nil
	}
	unsigned := strings.HasPrefix(format, "u")
	if n.BitLen() > bits || unsigned && n.Sign() < 0 {
		return fmt.Errorf("out of the range of %s", format)
	}
	return nil
}

// A way is the direction in which a value goes.
type way struct {
	method  string
	request bool
}

// check holds a value to a schema: unknown fields, types, formats,
// enumerations and patterns; in requests also what only answers have, and
// what is required.
func (d *discovery) check(s *schema, v any, where string, w way) error {
	if s = d.resolve(s); s == nil {
		return &fault{where: where, what: "a reference that leads nowhere"}
	}
	wrong := func() error {
		return &fault{where: where, what: fmt.Sprintf("%v (%T) is no %s %s", v, v, s.Type, s.Format)}
	}
	switch s.Type {
	case "object", "":
		m, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		return d.object(s, m, where, w)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return wrong()
		}
		for i, e := range list {
			if err := d.check(s.Items, e, fmt.Sprintf("%s[%d]", where, i), w); err != nil {
				return err
			}
			// The API's description has the pattern of a list's items at the list.
			if text, ok := e.(string); ok && s.pattern != nil {
				if err := s.word(fmt.Sprintf("%s[%d]", where, i), text); err != nil {
					return err
				}
			}
		}
		return nil
	case "string":
		text, ok := v.(string)
		if !ok || s.text(text) != nil {
			return wrong()
		}
		return s.word(where, text)
	case "boolean":
		if _, ok := v.(bool); !ok {
			return wrong()
		}
	case "integer":
		if n, ok := v.(json.Number); !ok || integer(s.Format, n.String()) != nil {
			return wrong()
		}
	case "number":
		if _, ok := v.(json.Number); !ok {
			return wrong()
		}
	case "any":
	default:
		return wrong()
	}
	return nil
}

// text checks the format of a string.
func (s *schema) text(v string) error {
	switch s.Format {
	case "int64", "uint64":
		return integer(s.Format, v)
	case "byte":
		_, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			_, err = base64.URLEncoding.DecodeString(v)
		}
		return err
	}
	return nil
}

func (d *discovery) object(s *schema, m map[string]any, where string, w way) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		at := where + "." + name
		p := s.Properties[name]
		switch {
		case p == nil && s.AdditionalProperties != nil:
			p = s.AdditionalProperties
		case p == nil:
			return &fault{where: at, what: fmt.Sprintf("%s has no such field", s.ID)}
		case w.request && (p.ReadOnly || strings.HasPrefix(p.Description, "[Output Only]") || strings.HasPrefix(p.Description, "Output only")):
			return &fault{where: at, what: "only answers have this field"}
		}
		if err := d.check(p, m[name], at, w); err != nil {
			return err
		}
	}
	if !w.request {
		return nil
	}
	for name, p := range s.Properties {
		if _, ok := m[name]; !ok && slices.Contains(p.Annotations.Required, w.method) {
			return &fault{where: where + "." + name, what: "missing", value: true}
		}
	}
	return nil
}
