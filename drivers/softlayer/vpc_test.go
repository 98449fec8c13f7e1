package softlayer

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A vpcServer is our own stand-in for the VPC API and for the service that gives
// tokens: what cloud.ibm.com/apidocs/vpc says of load balancers and instances,
// with a store behind it. Like the API, it takes one change of a balancer at a
// time, and refuses fields that it does not know.
type vpcServer struct {
	t         testing.TB
	url       string
	refuse    func(r *http.Request) (status int, body string) // instead of an answer; may be nil
	mu        sync.Mutex
	lbs       []document
	instances []document
	tokens    int
}

func newVPCServer(t testing.TB) *vpcServer {
	s := &vpcServer{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /identity/token", s.token)
	handle := func(pattern string, f func(r *http.Request) (int, any)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if s.refuse != nil {
				if status, body := s.refuse(r); status != 0 {
					w.Header().Set("Retry-After", "3")
					w.WriteHeader(status)
					fmt.Fprint(w, body)
					return
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			status, out := http.StatusUnauthorized, any(vpcError("not_authorized", "The token is not valid"))
			if r.Header.Get("Authorization") == fmt.Sprintf("Bearer token-%d", s.tokens) {
				if r.URL.Query().Get("version") == "" || r.URL.Query().Get("generation") != "2" {
					t.Errorf("%s has no version and generation", r.URL)
				}
				status, out = f(r)
			}
			data, err := json.Marshal(out)
			if err != nil {
				t.Error(err)
			}
			w.WriteHeader(status)
			if out != nil {
				w.Write(data)
			}
		})
	}
	handle("GET /v1/regions", func(*http.Request) (int, any) { return 200, document{"regions": []any{document{"name": "eu-de"}}} })
	handle("GET /v1/instances", func(r *http.Request) (int, any) { return s.page(r, "instances", s.instances) })
	handle("GET /v1/instances/{id}", func(r *http.Request) (int, any) { return found(s.instances, r.PathValue("id")) })
	handle("GET /v1/load_balancers", func(r *http.Request) (int, any) { return s.page(r, "load_balancers", s.lbs) })
	handle("POST /v1/load_balancers", s.create)
	handle("GET /v1/load_balancers/{id}", func(r *http.Request) (int, any) {
		status, b := found(s.lbs, r.PathValue("id"))
		if status == 200 {
			defer func() { b.(document)["provisioning_status"] = "active" }() // once it has been seen
			return 200, shown(b.(document))
		}
		return status, b
	})
	handle("DELETE /v1/load_balancers/{id}", func(r *http.Request) (int, any) {
		return s.on(r, func(b document) (int, any) {
			s.lbs = slices.DeleteFunc(s.lbs, func(o document) bool { return o["id"] == b["id"] })
			return http.StatusAccepted, nil
		})
	})
	handle("PATCH /v1/load_balancers/{id}", func(r *http.Request) (int, any) {
		return s.on(r, func(b document) (int, any) { return merge(b, s.body(r, "name")) })
	})
	handle("GET /v1/load_balancers/{id}/listeners", func(r *http.Request) (int, any) {
		return s.see(r, func(b document) (int, any) { return 200, document{"listeners": b["own_listeners"]} })
	})
	handle("PATCH /v1/load_balancers/{id}/listeners/{part}", func(r *http.Request) (int, any) {
		return s.on(r, func(b document) (int, any) {
			return s.changePart(b["own_listeners"].([]document), r, s.body(r, "port", "protocol", "certificate_instance"))
		})
	})
	handle("GET /v1/load_balancers/{id}/pools", func(r *http.Request) (int, any) {
		return s.see(r, func(b document) (int, any) { return 200, document{"pools": b["own_pools"]} })
	})
	handle("PATCH /v1/load_balancers/{id}/pools/{part}", func(r *http.Request) (int, any) {
		return s.on(r, func(b document) (int, any) {
			return s.changePart(b["own_pools"].([]document), r, s.body(r, "algorithm", "health_monitor"))
		})
	})
	handle("GET /v1/load_balancers/{id}/pools/{pool}/members", func(r *http.Request) (int, any) {
		return s.see(r, func(b document) (int, any) { return 200, document{"members": b["own_members"]} })
	})
	handle("POST /v1/load_balancers/{id}/pools/{pool}/members", func(r *http.Request) (int, any) {
		return s.on(r, func(b document) (int, any) {
			m, bad := member(s.body(r, "port", "target", "weight"))
			if bad != nil {
				return 400, bad
			}
			b["own_members"] = append(b["own_members"].([]document), m)
			return http.StatusCreated, m
		})
	})
	handle("PATCH /v1/load_balancers/{id}/pools/{pool}/members/{part}", func(r *http.Request) (int, any) {
		return s.on(r, func(b document) (int, any) {
			return s.changePart(b["own_members"].([]document), r, s.body(r, "weight"))
		})
	})
	handle("DELETE /v1/load_balancers/{id}/pools/{pool}/members/{part}", func(r *http.Request) (int, any) {
		return s.on(r, func(b document) (int, any) {
			if status, bad := found(b["own_members"].([]document), r.PathValue("part")); status != 200 {
				return status, bad
			}
			b["own_members"] = slices.DeleteFunc(b["own_members"].([]document), func(m document) bool { return m["id"] == r.PathValue("part") })
			return http.StatusAccepted, nil
		})
	})
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

func (s *vpcServer) token(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("grant_type") != "urn:ibm:params:oauth:grant-type:apikey" || r.FormValue("apikey") != key {
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(document{"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == 0 {
		s.tokens = 1
	}
	json.NewEncoder(w).Encode(document{"access_token": fmt.Sprintf("token-%d", s.tokens), "expires_in": 3600, "token_type": "Bearer"})
}

func vpcError(code, format string, args ...any) document {
	return document{"errors": []any{document{"code": code, "message": fmt.Sprintf(format, args...)}}, "trace": "trace-1"}
}

func (s *vpcServer) instance() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprintf("0717_%08d", len(s.instances)+1)
	s.instances = append(s.instances, document{"id": id, "primary_network_interface": document{"primary_ip": document{"address": fmt.Sprintf("10.9.0.%d", len(s.instances)+1)}}})
	return id
}

// body reads a request's, which has no fields but those.
func (s *vpcServer) body(r *http.Request, fields ...string) document {
	var b document
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		s.t.Errorf("%s: %v", r.URL, err)
	}
	for name := range b {
		if !slices.Contains(fields, name) {
			s.t.Errorf("%s %s: there is no field %s", r.Method, r.URL, name)
		}
	}
	return b
}

func found(list []document, id string) (int, any) {
	for _, d := range list {
		if d["id"] == id {
			return 200, d
		}
	}
	return 404, vpcError("not_found", "The resource %s was not found", id)
}

// shown is a balancer without what is asked for apart.
func shown(b document) document {
	out := document{}
	for name, v := range b {
		if !strings.HasPrefix(name, "own_") {
			out[name] = v
		}
	}
	return out
}

func (s *vpcServer) page(r *http.Request, name string, list []document) (int, any) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 || limit > 100 {
		s.t.Errorf("limit is %q", r.URL.Query().Get("limit"))
	}
	at := 0
	if start := r.URL.Query().Get("start"); start != "" {
		if at = slices.IndexFunc(list, func(d document) bool { return d["id"] == start }); at < 0 {
			return 400, vpcError("bad_field", "start is not valid")
		}
	}
	end := min(at+limit, len(list))
	items := []any{}
	for _, d := range list[at:end] {
		items = append(items, shown(d))
		if name == "load_balancers" {
			d["provisioning_status"] = "active"
		}
	}
	out := document{name: items, "limit": limit}
	if end < len(list) {
		out["next"] = document{"href": fmt.Sprintf("%s/v1/%s?limit=%d&start=%s", s.url, name, limit, list[end]["id"])}
	}
	return 200, out
}

func (s *vpcServer) see(r *http.Request, f func(document) (int, any)) (int, any) {
	status, b := found(s.lbs, r.PathValue("id"))
	if status != 200 {
		return status, b
	}
	return f(b.(document))
}

// on changes a balancer, if no other change is under way.
func (s *vpcServer) on(r *http.Request, f func(document) (int, any)) (int, any) {
	return s.see(r, func(b document) (int, any) {
		if b["provisioning_status"] != "active" && r.Method != http.MethodDelete {
			return 409, vpcError("load_balancer_update_conflict", "The load balancer with ID %s cannot be updated because it is %s.", b["id"], b["provisioning_status"])
		}
		status, out := f(b)
		if status < 300 {
			b["provisioning_status"] = "update_pending"
		}
		return status, out
	})
}

func merge(into, change document) (int, any) {
	for name, v := range change {
		into[name] = v
	}
	return 200, into
}

func (s *vpcServer) changePart(list []document, r *http.Request, change document) (int, any) {
	status, part := found(list, r.PathValue("part"))
	if status != 200 {
		return status, part
	}
	return merge(part.(document), change)
}

func member(spec document) (document, any) {
	target, _ := spec["target"].(map[string]any)
	address, _ := target["address"].(string)
	if _, err := netip.ParseAddr(address); err != nil {
		return nil, vpcError("bad_field", "target.address %q is not valid", address)
	}
	if port, _ := spec["port"].(float64); port < 1 || port > 65535 {
		return nil, vpcError("bad_field", "port is not valid")
	}
	spec["id"], spec["health"], spec["provisioning_status"] = rand.Text(), "ok", "active"
	return spec, nil
}

var vpcName = regexp.MustCompile(`^([a-z]|[a-z][-a-z0-9]*[a-z0-9])$`)

func (s *vpcServer) create(r *http.Request) (int, any) {
	spec := s.body(r, "name", "is_public", "subnets", "pools", "listeners", "profile", "resource_group")
	name, _ := spec["name"].(string)
	subnets, _ := spec["subnets"].([]any)
	switch {
	case !vpcName.MatchString(name) || len(name) > 63:
		return 400, vpcError("bad_field", "name %q is not valid", name)
	case slices.ContainsFunc(s.lbs, func(b document) bool { return b["name"] == name }):
		return 409, vpcError("load_balancer_name_not_unique", "The name %s is in use", name)
	case len(subnets) == 0:
		return 400, vpcError("bad_field", "subnets is missing")
	}
	for _, subnet := range subnets {
		if subnet.(document)["id"] != "0717-subnet" {
			return 404, vpcError("subnet_not_found", "there is no such subnet")
		}
	}
	pool := spec["pools"].([]any)[0].(document)
	listener := spec["listeners"].([]any)[0].(document)
	if listener["default_pool"].(document)["name"] != pool["name"] {
		return 400, vpcError("bad_field", "default_pool is not valid")
	}
	pool["id"], listener["id"] = rand.Text(), rand.Text()
	listener["default_pool"] = document{"id": pool["id"]}
	members := []document{}
	given, _ := pool["members"].([]any)
	for _, m := range given {
		made, bad := member(m.(document))
		if bad != nil {
			return 400, bad
		}
		members = append(members, made)
	}
	delete(pool, "members")
	id := "r010-" + rand.Text()
	b := document{"id": id, "crn": "crn:v1:" + id, "name": name, "hostname": name + ".lb.appdomain.cloud", "provisioning_status": "create_pending", "operating_status": "offline",
		"created_at": time.Now().UTC().Format(time.RFC3339), "is_public": spec["is_public"], "subnets": subnets, "listeners": []any{document{"id": listener["id"]}}, "pools": []any{document{"id": pool["id"]}},
		"own_listeners": []document{listener}, "own_pools": []document{pool}, "own_members": members}
	s.lbs = append(s.lbs, b)
	return http.StatusCreated, shown(b)
}
