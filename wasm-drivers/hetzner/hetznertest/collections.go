package hetznertest

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A collection is all things of a kind.
type collection struct {
	plural, one string
	items       []object // by id
}

func (c *collection) get(id int64) object {
	for _, o := range c.items {
		if o["id"] == id {
			return o
		}
	}
	return nil
}

func (s *Server) newID() int64 { s.lastID++; return s.lastID }

// find looks a thing up, or answers not_found.
func (s *Server) find(plural string, id int64) (object, error) {
	c := s.all[plural]
	if o := c.get(id); o != nil {
		return o, nil
	}
	return nil, refuse(404, "not_found", "%s with ID '%d' not found", c.one, id)
}

// named looks a thing up by its id or its name, as the catalogue's things are.
func (s *Server) named(plural, name string) object {
	for _, o := range s.all[plural].items {
		if o["name"] == name || strconv.FormatInt(o["id"].(int64), 10) == name {
			return o
		}
	}
	return nil
}

func (s *Server) remove(plural string, id int64) {
	c := s.all[plural]
	c.items = slices.DeleteFunc(c.items, func(o object) bool { return o["id"] == id })
}

// add completes a new thing with what all have, and keeps it.
func (s *Server) add(plural string, in, o object) object {
	o["id"], o["created"] = s.newID(), now()
	o["labels"] = object{}
	if labels, ok := in["labels"].(object); ok {
		o["labels"] = labels
	}
	if _, ok := o["name"]; !ok {
		o["name"] = in["name"]
	}
	s.all[plural].items = append(s.all[plural].items, o)
	return o
}

// fresh refuses a name that another thing has, and labels of a wrong form.
func (s *Server) fresh(plural string, in object, but int64) error {
	for _, o := range s.all[plural].items {
		if name, ok := in["name"].(string); ok && o["name"] == name && o["id"] != but && plural != "images" {
			f := refuse(409, "uniqueness_error", "%s name is already used", s.all[plural].one)
			f.details = object{"fields": []any{object{"name": "name"}}}
			return f
		}
	}
	labels, _ := in["labels"].(object)
	for k := range labels {
		prefix, name, ok := strings.Cut(k, "/")
		if !ok {
			prefix, name = "", k
		}
		if !labelName.MatchString(name) || ok && !labelPrefix.MatchString(prefix) || len(prefix) > 253 || strings.HasPrefix(k, "hetzner.cloud/") {
			return invalid("labels: %q is no key", k)
		}
	}
	return nil
}

var (
	labelName   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$`)
	labelPrefix = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)
	hostname    = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)
)

// protected refuses to delete what is protected.
func protected(o object) error {
	if p, ok := o["protection"].(object); ok && p["delete"] == true {
		return refuse(403, "protected", "the resource is protected from being deleted")
	}
	return nil
}

// reads serves the list and the single thing of a kind.
func (s *Server) reads(plural string) {
	c := s.all[plural]
	s.handle("GET /"+plural, http.StatusOK, func(call *call) (object, error) {
		found, err := s.matching(c, call)
		if err != nil {
			return nil, err
		}
		answer, err := paged(call, plural, found)
		for _, o := range found {
			s.look(key(plural, o["id"].(int64)))
		}
		return answer, err
	})
	s.handle("GET /"+plural+"/{id}", http.StatusOK, func(call *call) (object, error) {
		o, err := s.find(plural, call.id)
		if err != nil {
			return nil, err
		}
		answer := s.shown(plural, o)
		s.look(key(plural, call.id))
		return object{c.one: answer}, nil
	})
}

// updates serves the change of names, labels and the further fields.
func (s *Server) updates(plural string, further ...string) {
	s.handle("PUT /"+plural+"/{id}", http.StatusOK, func(c *call) (object, error) {
		o, err := s.find(plural, c.id)
		if err != nil {
			return nil, err
		}
		if err := s.fresh(plural, c.in, c.id); err != nil {
			return nil, err
		}
		if name, ok := c.in["name"].(string); ok && plural == "servers" && !hostname.MatchString(name) {
			return nil, invalid("name: %q is no valid hostname", name)
		}
		for _, f := range append(further, "name", "labels") {
			if v, ok := c.in[f]; ok {
				o[f] = v
			}
		}
		return object{s.all[plural].one: s.shown(plural, o)}, nil
	})
}

// deletes serves the deletion; allowed may refuse it, and clean up.
func (s *Server) deletes(plural string, allowed func(o object) error) {
	s.handle("DELETE /"+plural+"/{id}", http.StatusNoContent, func(c *call) (object, error) {
		o, err := s.find(plural, c.id)
		if err == nil {
			err = protected(o)
		}
		if err == nil {
			err = s.free(plural, c.id)
		}
		if err == nil && allowed != nil {
			err = allowed(o)
		}
		if err == nil {
			s.remove(plural, c.id)
		}
		return nil, err
	})
}

// act serves an action on a thing that no other action locks.
func (s *Server) act(plural, name string, f func(c *call, o object) (object, error)) {
	s.handle("POST /"+plural+"/{id}/actions/"+name, http.StatusCreated, func(c *call) (object, error) {
		o, err := s.find(plural, c.id)
		if err == nil {
			err = s.free(plural, c.id)
		}
		if err != nil {
			return nil, err
		}
		return f(c, o)
	})
}

// protects serves change_protection.
func (s *Server) protects(plural string) {
	s.act(plural, "change_protection", func(c *call, o object) (object, error) {
		maps.Copy(o["protection"].(object), c.in)
		return object{"action": s.atOnce("change_protection", plural, c.id)}, nil
	})
}

// matching are the things that a list's parameters ask for.
func (s *Server) matching(c *collection, call *call) ([]object, error) {
	q := call.URL.Query()
	var found []object
	for _, o := range c.items {
		ok := true
		for _, f := range []string{"name", "fingerprint", "ip"} {
			ok = ok && (!q.Has(f) || o[f] == q.Get(f))
		}
		for _, f := range []string{"status", "type", "architecture"} {
			text, _ := o[f].(string)
			ok = ok && (!q.Has(f) || slices.Contains(q[f], text))
		}
		if selector := q.Get("label_selector"); selector != "" {
			yes, err := selects(selector, o)
			if err != nil {
				return nil, err
			}
			ok = ok && yes
		}
		if c.plural == "images" && q.Get("include_deprecated") == "false" && o["deprecated"] != nil {
			ok = false
		}
		if ok {
			found = append(found, s.shown(c.plural, o))
		}
	}
	return found, nil
}

var term = regexp.MustCompile(`^\s*(!?)([^=!\s]+)\s*(?:(==|=|!=)\s*(\S*))?\s*$`)

// selects evaluates a label selector: key, !key, key=value, key==value and
// key!=value, with commas between; not the sets "in" and "notin".
func selects(selector string, o object) (bool, error) {
	labels, _ := o["labels"].(object)
	for part := range strings.SplitSeq(selector, ",") {
		m := term.FindStringSubmatch(part)
		if m == nil {
			return false, invalid("label_selector: %q", selector)
		}
		value, has := labels[m[2]]
		switch {
		case m[3] == "" && has == (m[1] != ""),
			(m[3] == "=" || m[3] == "==") && (!has || value != m[4]),
			m[3] == "!=" && has && value == m[4]:
			return false, nil
		}
	}
	return true, nil
}

// paged cuts a list to the page that is asked for.
func paged(c *call, plural string, all []object) (object, error) {
	page, size := 1, 25
	if n, err := strconv.Atoi(c.URL.Query().Get("page")); err == nil {
		page = n
	}
	if n, err := strconv.Atoi(c.URL.Query().Get("per_page")); err == nil {
		size = n
	}
	if size > 50 {
		return nil, invalid("per_page: it is 1 to 50")
	}
	last := max((len(all)+size-1)/size, 1)
	from := min((page-1)*size, len(all))
	items := make([]object, 0, size)
	items = append(items, all[from:min(from+size, len(all))]...)
	p := object{"page": page, "per_page": size, "previous_page": nil, "next_page": nil, "last_page": last, "total_entries": len(all)}
	if page > 1 {
		p["previous_page"] = page - 1
	}
	if page < last {
		p["next_page"] = page + 1
	}
	return object{plural: items, "meta": object{"pagination": p}}, nil
}

// copied is an object as it is now.
func copied(o object) object {
	var c object
	b, _ := json.Marshal(o)
	_ = json.Unmarshal(b, &c)
	if id, ok := o["id"].(int64); ok {
		c["id"] = id
	}
	return c
}

// number is a JSON number as an id.
func number(v any) int64 {
	switch n := v.(type) {
	case float64:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

// numbers are ids in JSON.
func numbers(v any) (ids []int64) {
	list, _ := v.([]any)
	for _, n := range list {
		ids = append(ids, number(n))
	}
	return ids
}
