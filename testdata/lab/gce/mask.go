package gce

import (
	"fmt"
	"strings"
)

// A mask is a parsed parameter fields: what an answer shall have. A nil mask
// is all there is.
type mask map[string]mask

// parseMask reads "nextPageToken,items(name,disks/source)", and holds it to the
// schema of the answer: to ask for a field that there is not is an error.
func (d *discovery) parseMask(text string, s *schema) (mask, error) {
	p := &maskParser{d: d, rest: text}
	m, err := p.list(s)
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	if err != nil {
		return nil, &fault{where: "fields", what: fmt.Sprintf("Invalid field selection %q: %v", text, err)}
	}
	return m, nil
}

type maskParser struct {
	d    *discovery
	rest string
}

func (p *maskParser) list(s *schema) (mask, error) {
	m := mask{}
	for {
		if err := p.path(s, m); err != nil {
			return nil, err
		}
		if !p.skip(",") {
			return m, nil
		}
	}
}

func (p *maskParser) skip(sign string) bool {
	rest, ok := strings.CutPrefix(p.rest, sign)
	p.rest = rest
	return ok
}

// path reads one path into m: "a/b/c" or "a/b(c,d)".
func (p *maskParser) path(s *schema, m mask) error {
	end := strings.IndexAny(p.rest, ",/()")
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	field, err := p.d.field(s, name)
	if err != nil {
		return err
	}
	var inner mask
	switch {
	case p.skip("/"):
		inner = mask{}
		if have := m[name]; have != nil {
			inner = have
		}
		if err := p.path(field, inner); err != nil {
			return err
		}
	case p.skip("("):
		if inner, err = p.list(field); err != nil {
			return err
		}
		if !p.skip(")") {
			return fmt.Errorf("a parenthesis is open")
		}
	}
	m[name] = inner
	return nil
}

// field is the schema of a field of s; of a list, of its items.
func (d *discovery) field(s *schema, name string) (*schema, error) {
	s = d.resolve(s)
	for s != nil && s.Type == "array" {
		s = d.resolve(s.Items)
	}
	if s == nil {
		return nil, fmt.Errorf("%q is in nothing", name)
	}
	if p := s.Properties[name]; p != nil {
		return p, nil
	}
	if s.AdditionalProperties != nil && name != "" {
		return s.AdditionalProperties, nil
	}
	return nil, fmt.Errorf("%s has no field %q", s.ID, name)
}

// apply leaves of a value what the mask names.
func (m mask) apply(v any) any {
	if m == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, e := range v {
			inner, ok := m[name]
			if !ok {
				inner, ok = m["*"]
			}
			if ok {
				out[name] = inner.apply(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = m.apply(e)
		}
		return out
	}
	return v
}
