package hetznertest

import (
	"slices"
	"strconv"
	"time"
)

// An action is a change under way.
type action struct {
	object
	key   string // the resource it is about: "servers/42"
	polls int    // how many looks it still takes
	done  func() // what it does in the end
}

func key(plural string, id int64) string { return plural + "/" + strconv.FormatInt(id, 10) }

func now() string { return time.Now().UTC().Format(time.RFC3339) }

// begin starts an action on a thing. others are further resources it names.
func (s *Server) begin(command, plural string, id int64, done func(), others ...any) object {
	return s.action(command, plural, id, s.options.Polls, done, others...)
}

// atOnce is an action that is done when its answer arrives.
func (s *Server) atOnce(command, plural string, id int64, others ...any) object {
	return s.action(command, plural, id, 0, nil, others...)
}

func (s *Server) action(command, plural string, id int64, polls int, done func(), others ...any) object {
	resources := []any{object{"id": id, "type": s.all[plural].one}}
	resources = append(resources, others...)
	a := &action{key: key(plural, id), polls: polls, done: done, object: object{"id": s.newID(), "command": command, "status": "running", "progress": 0,
		"started": now(), "finished": nil, "error": nil, "resources": resources}}
	s.actions = append(s.actions, a)
	if polls == 0 {
		a.finish()
	}
	return copied(a.object)
}

func (a *action) finish() {
	a.object["status"], a.object["progress"], a.object["finished"] = "success", 100, now()
	if a.done != nil {
		a.done()
	}
}

// current is the first running action of a resource: they go one after the other.
func (s *Server) current(key string) *action {
	i := slices.IndexFunc(s.actions, func(a *action) bool { return a.key == key && a.object["status"] == "running" })
	if i < 0 {
		return nil
	}
	return s.actions[i]
}

// look brings the current action of a resource one step on.
func (s *Server) look(key string) {
	a := s.current(key)
	if a == nil {
		return
	}
	if a.polls--; a.polls <= 0 {
		a.finish()
	} else {
		a.object["progress"] = 50
	}
}

// free refuses what a running action locks out; to try is to look.
func (s *Server) free(plural string, id int64) error {
	if s.current(key(plural, id)) == nil {
		return nil
	}
	s.look(key(plural, id))
	return refuse(423, "locked", "%s %d is locked: an action is running", s.all[plural].one, id)
}

// actionRoutes are where actions are looked at.
func (s *Server) actionRoutes() {
	get := func(c *call) (object, error) {
		id := c.id
		if text := c.PathValue("action_id"); text != "" {
			id, _ = strconv.ParseInt(text, 10, 64)
		}
		for _, a := range s.actions {
			if a.object["id"] == id {
				answer := copied(a.object)
				s.look(a.key)
				return object{"action": answer}, nil
			}
		}
		return nil, refuse(404, "not_found", "action with ID %d not found", id)
	}
	s.handle("GET /actions/{id}", 200, get)
	s.handle("GET /actions", 200, func(c *call) (object, error) {
		ids := c.URL.Query()["id"]
		if len(ids) == 0 {
			return nil, invalid("id is required")
		}
		return object{"actions": s.pick(ids, "")}, nil
	})
	for plural := range s.all {
		if slices.Contains([]string{"locations", "server_types", "load_balancer_types", "ssh_keys"}, plural) {
			continue
		}
		s.handle("GET /"+plural+"/{id}/actions/{action_id}", 200, get)
		s.handle("GET /"+plural+"/actions", 200, func(c *call) (object, error) { return paged(c, "actions", s.pick(c.URL.Query()["id"], plural+"/")) })
		// /servers/actions/7 and /servers/7/actions, which a mux cannot tell apart.
		s.handle("GET /"+plural+"/{id}/{last}", 200, func(c *call) (object, error) {
			if c.PathValue("id") == "actions" {
				c.id, _ = strconv.ParseInt(c.PathValue("last"), 10, 64)
				return get(c)
			}
			return paged(c, "actions", s.pick(nil, key(plural, c.id)))
		})
	}
}

// pick chooses actions by their ids, if any, and by what their key begins with,
// and brings those that are running one step on.
func (s *Server) pick(ids []string, prefix string) []object {
	var found []object
	seen := map[string]bool{}
	for _, a := range s.actions {
		id := strconv.FormatInt(a.object["id"].(int64), 10)
		matches := a.key == prefix || prefix == "" || prefix[len(prefix)-1] == '/' && len(a.key) > len(prefix) && a.key[:len(prefix)] == prefix
		if matches && (len(ids) == 0 || slices.Contains(ids, id)) {
			found, seen[a.key] = append(found, copied(a.object)), true
		}
	}
	for k := range seen {
		s.look(k)
	}
	return found
}
