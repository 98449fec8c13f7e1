package gce

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A discovery is Google's own description of the API: every method with its
// path and parameters, and every type of value. It ships inside the module of
// the SDK, and is read from there.
type discovery struct {
	Parameters map[string]*schema   `json:"parameters"` // of every method
	Schemas    map[string]*schema   `json:"schemas"`
	Resources  map[string]*resource `json:"resources"`

	methods []*method
}

type resource struct {
	Methods   map[string]*method   `json:"methods"`
	Resources map[string]*resource `json:"resources"`
}

// A method is one request that the API knows.
type method struct {
	ID         string             `json:"id"` // "compute.instances.get"
	HTTPMethod string             `json:"httpMethod"`
	Path       string             `json:"path"`     // "projects/{project}/zones/{zone}/instances/{instance}"
	FlatPath   string             `json:"flatPath"` // where path has a parameter of several parts: "v1/{+parent}/clusters"
	Parameters map[string]*schema `json:"parameters"`
	Request    *schema            `json:"request"`
	Response   *schema            `json:"response"`
	Version    string             `json:"apiVersion"`

	segments []string
}

// A schema is a type of value, or a parameter.
type schema struct {
	ID                   string             `json:"id"`
	Type                 string             `json:"type"`
	Ref                  string             `json:"$ref"`
	Format               string             `json:"format"`
	Pattern              string             `json:"pattern"`
	Description          string             `json:"description"`
	Default              string             `json:"default"`
	Enum                 []string           `json:"enum"`
	Properties           map[string]*schema `json:"properties"`
	Items                *schema            `json:"items"`
	AdditionalProperties *schema            `json:"additionalProperties"`
	ReadOnly             bool               `json:"readOnly"`
	Minimum              string             `json:"minimum"`
	Annotations          struct {
		Required []string `json:"required"` // the ids of methods
	} `json:"annotations"`

	// Of parameters.
	Location string `json:"location"` // "path" or "query"
	Required bool   `json:"required"`
	Repeated bool   `json:"repeated"`

	pattern *regexp.Regexp
}

// readDiscovery finds the description of an API in the folder of the SDK's
// module: "compute/v1/compute-api.json".
func readDiscovery(t testing.TB, file string) *discovery {
	t.Helper()
	folder, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		t.Fatalf("finding google.golang.org/api: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	d := &discovery{}
	if err := json.Unmarshal(data, d); err != nil {
		t.Fatalf("the description of the API: %v", err)
	}
	if err := d.index(); err != nil {
		t.Fatalf("the description of the API: %v", err)
	}
	return d
}

// index lists the methods and compiles the patterns.
func (d *discovery) index() error {
	var add func(rs map[string]*resource) error
	add = func(rs map[string]*resource) error {
		for _, r := range rs {
			for _, m := range r.Methods {
				m.segments = strings.Split(m.Path, "/")
				if strings.Contains(m.Path, "{+") {
					m.segments = strings.Split(m.FlatPath, "/")
				}
				d.methods = append(d.methods, m)
				for _, p := range m.Parameters {
					if err := p.compile(); err != nil {
						return err
					}
				}
			}
			if err := add(r.Resources); err != nil {
				return err
			}
		}
		return nil
	}
	for _, s := range d.Schemas {
		if err := s.compile(); err != nil {
			return err
		}
	}
	return add(d.Resources)
}

// compile compiles the patterns of a schema and what is in it.
func (s *schema) compile() error {
	if s == nil {
		return nil
	}
	if s.Pattern != "" {
		p, err := regexp.Compile("^(?:" + s.Pattern + ")$")
		if err != nil {
			return fmt.Errorf("pattern %q: %w", s.Pattern, err)
		}
		s.pattern = p
	}
	for _, p := range s.Properties {
		if err := p.compile(); err != nil {
			return err
		}
	}
	if err := s.Items.compile(); err != nil {
		return err
	}
	return s.AdditionalProperties.compile()
}

// find is the method of a request, and what its path has for the parameters.
func (d *discovery) find(verb, path string) (*method, map[string]string) {
	parts := strings.Split(path, "/")
	var found *method
	var params map[string]string
	for _, m := range d.methods {
		if m.HTTPMethod != verb || len(m.segments) != len(parts) {
			continue
		}
		// Words go before parameters: /zones/{zone}/instances/bulkInsert is no instance.
		if p, ok := m.match(parts); ok && (found == nil || len(p) < len(params)) {
			found, params = m, p
		}
	}
	return found, params
}

func (m *method) match(parts []string) (map[string]string, bool) {
	params := map[string]string{}
	for i, s := range m.segments {
		if name, ok := strings.CutPrefix(s, "{"); ok {
			name, verb, _ := strings.Cut(name, "}") // "{clustersId}:completeUpgrade"
			if params[name], ok = strings.CutSuffix(parts[i], verb); !ok {
				return nil, false
			}
		} else if s != parts[i] {
			return nil, false
		}
	}
	return params, true
}

// resolve follows a reference.
func (d *discovery) resolve(s *schema) *schema {
	for s != nil && s.Ref != "" {
		s = d.Schemas[s.Ref]
	}
	return s
}
