package gce

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// general are the methods that are alike for all kinds of resources, by the
// last word of their id.
var general = map[string]func(*call) (any, error){
	"get":            get,
	"list":           list,
	"aggregatedList": aggregatedList,
	"delete":         remove,
	"setLabels":      setLabels,
	"wait":           wait,
}

func (s *Server) newID() string {
	s.lastID++
	return strconv.FormatUint(1_000_000_000_000_000_000+s.lastID, 10)
}

// put places a resource with what every resource has, as far as its kind has it.
func (s *Server) put(path string, fields map[string]any) map[string]any {
	parts := strings.Split(path, "/")
	collection := parts[len(parts)-2]
	doc := maps.Clone(fields)
	if doc == nil {
		doc = map[string]any{}
	}
	doc["name"], doc["id"], doc["creationTimestamp"], doc["selfLink"] = parts[len(parts)-1], s.newID(), now(), root+path
	kind := s.d.Schemas[kinds[collection]]
	doc["kind"] = kind.Properties["kind"].Default
	for i, p := range parts[:len(parts)-2] {
		place := strings.TrimSuffix(p, "s")
		if (p == "zones" || p == "regions") && kind.Properties[place] != nil {
			doc[place] = root + strings.Join(parts[:i+2], "/")
		}
	}
	if kind.Properties["labelFingerprint"] != nil {
		doc["labelFingerprint"] = fingerprint(doc["labels"])
	}
	s.docs[path] = doc
	return doc
}

// kinds are the schemas of the resources in a collection.
var kinds = map[string]string{"projects": "Project", "zones": "Zone", "regions": "Region", "machineTypes": "MachineType", "diskTypes": "DiskType", "instances": "Instance",
	"disks": "Disk", "images": "Image", "snapshots": "Snapshot", "networks": "Network", "subnetworks": "Subnetwork", "firewalls": "Firewall", "addresses": "Address",
	"forwardingRules": "ForwardingRule", "backendServices": "BackendService", "healthChecks": "HealthCheck", "httpHealthChecks": "HttpHealthCheck", "urlMaps": "UrlMap",
	"targetHttpProxies": "TargetHttpProxy", "targetHttpsProxies": "TargetHttpsProxy", "targetTcpProxies": "TargetTcpProxy", "targetSslProxies": "TargetSslProxy",
	"targetPools": "TargetPool", "networkEndpointGroups": "NetworkEndpointGroup", "instanceGroups": "InstanceGroup", "sslCertificates": "SslCertificate"}

// fingerprint is a hash of what can be changed only by who knows it.
func fingerprint(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // it came from JSON
	}
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:6])
}

// pathOf is the path of a resource's full or partial URL, seen from a request.
func (c *call) pathOf(url string) string {
	if _, path, found := strings.Cut(url, "projects/"); found {
		return "projects/" + path
	}
	return "projects/" + c.params["project"] + "/" + strings.TrimPrefix(url, "/")
}

// refer is the path of the resource that a field refers to.
func (c *call) refer(field, url, collection string) (string, error) {
	path := c.pathOf(url)
	parts := strings.Split(path, "/")
	if len(parts) < 4 || parts[len(parts)-2] != collection && parts[len(parts)-2] != "family" {
		return "", invalid("resource."+field, url, "The URL is malformed.")
	}
	if strings.Contains(path, "/images/family/") {
		path = c.ofFamily(path)
	}
	if c.docs[path] == nil {
		kind := strings.TrimSuffix(collection, "s")
		return "", invalid("resource."+field, url, "The referenced %s resource cannot be found.", kind)
	}
	return path, nil
}

// referred follows the URL in a field of the body; it may be missing.
func (c *call) referred(field, collection string) (string, error) {
	url, _ := c.body[field].(string)
	if url == "" {
		return "", nil
	}
	path, err := c.refer(field, url, collection)
	if err == nil {
		c.body[field] = root + path
	}
	return path, err
}

func get(c *call) (any, error) {
	if doc := c.docs[c.path]; doc != nil {
		return doc, nil
	}
	return nil, notFound(c.path)
}

// page cuts what comes after the cursor to what was asked for.
func (c *call) page(paths []string) (page []string, next string, err error) {
	slices.Sort(paths)
	if token := c.arg("pageToken"); token != "" {
		after, err := base64.URLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", invalid("pageToken", token, "It is none.")
		}
		paths = slices.DeleteFunc(paths, func(p string) bool { return p <= string(after) })
	}
	most := 500
	if text := c.arg("maxResults"); text != "" {
		if most, err = strconv.Atoi(text); err != nil || most > 500 {
			return nil, "", invalid("maxResults", text, "Must be less than or equal to 500")
		}
	}
	if len(paths) > most {
		paths = paths[:most]
		next = base64.URLEncoding.EncodeToString([]byte(paths[most-1]))
	}
	return paths, next, nil
}

// find lists the paths that are like a pattern and pass the request's filter.
func (c *call) find(pattern string, item *schema) ([]string, error) {
	keep := func(map[string]any) bool { return true }
	if text := c.arg("filter"); text != "" {
		var err error
		if keep, err = c.d.parseFilter(text, item); err != nil {
			return nil, err
		}
	}
	like := regexp.MustCompile("^" + pattern + "$")
	var paths []string
	for p, doc := range c.docs {
		if like.MatchString(p) && keep(doc) {
			paths = append(paths, p)
		}
	}
	return paths, nil
}

func list(c *call) (any, error) {
	answer := c.d.resolve(c.m.Response)
	paths, err := c.find(regexp.QuoteMeta(c.path)+"/[^/]+", answer.Properties["items"].Items)
	if err != nil {
		return nil, err
	}
	paths, next, err := c.page(paths)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"kind": answer.Properties["kind"].Default, "id": c.path, "selfLink": root + c.path}
	items := []any{}
	for _, p := range paths {
		items = append(items, c.docs[p])
	}
	if len(items) > 0 {
		out["items"] = items
	}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, nil
}

// aggregatedList has a part for every place, also for those with nothing in them.
func aggregatedList(c *call) (any, error) {
	collection := c.path[strings.LastIndexByte(c.path, '/')+1:]
	project := "projects/" + c.params["project"] + "/"
	answer := c.d.resolve(c.m.Response)
	paths, err := c.find(project+`(?:zones/[^/]+|regions/[^/]+|global)/`+collection+"/[^/]+", c.d.Schemas[kinds[collection]])
	if err != nil {
		return nil, err
	}
	paths, next, err := c.page(paths)
	if err != nil {
		return nil, err
	}
	found := map[string][]any{}
	for _, p := range paths {
		place := strings.TrimSuffix(strings.TrimPrefix(p, project), p[strings.LastIndex(p, "/"+collection+"/"):])
		found[place] = append(found[place], c.docs[p])
	}
	items := map[string]any{}
	for p := range c.docs {
		if place, ok := strings.CutPrefix(p, project); ok && strings.Count(place, "/") == 1 && !strings.HasPrefix(place, "global") {
			items[place] = map[string]any{"warning": map[string]any{"code": "NO_RESULTS_ON_PAGE",
				"message": fmt.Sprintf("There are no results for scope '%s' on this page.", place), "data": []any{map[string]any{"key": "scope", "value": place}}}}
		}
	}
	for place, list := range found {
		items[place] = map[string]any{collection: list}
	}
	out := map[string]any{"kind": answer.Properties["kind"].Default, "id": c.path, "selfLink": root + c.path, "items": items}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, nil
}

// insert places the resource of the request's body, in the state it has first.
// then is what the operation does in the end; it may be nil.
func (c *call) insert(then func(doc map[string]any)) (any, error) {
	path, err := c.vacant(c.body["name"])
	if err != nil {
		return nil, err
	}
	if err := checkLabels(c.body); err != nil {
		return nil, err
	}
	doc := c.put(path, c.body)
	return c.begin(path, nil, func() error {
		if then != nil && c.docs[path] != nil {
			then(doc)
		}
		return nil
	}, func() { delete(c.docs, path) })
}

// vacant is the path of something new.
func (c *call) vacant(name any) (string, error) {
	path := fmt.Sprintf("%s/%s", c.path, name)
	if c.docs[path] != nil {
		return "", &apiError{http.StatusConflict, "alreadyExists", fmt.Sprintf("The resource '%s' already exists", path)}
	}
	return path, nil
}

var (
	labelKey   = regexp.MustCompile(`^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$`)
	labelValue = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)
)

func checkLabels(doc map[string]any) error {
	labels, _ := doc["labels"].(map[string]any)
	for k, v := range labels {
		if !labelKey.MatchString(k) || !labelValue.MatchString(v.(string)) {
			return invalid("resource.labels", k, "Label key and value must comply with the rules for labels.")
		}
	}
	return nil
}

func remove(c *call) (any, error) {
	if c.docs[c.path] == nil {
		return nil, notFound(c.path)
	}
	return c.begin(c.path, nil, func() error {
		delete(c.docs, c.path)
		return nil
	}, nil)
}

func stale(path string) error {
	return &apiError{http.StatusPreconditionFailed, "conditionNotMet", fmt.Sprintf("Supplied fingerprint does not match current fingerprint of '%s'.", path)}
}

// setLabels looks at the fingerprint when it is asked and when it is done:
// another may have been done in between.
func setLabels(c *call) (any, error) {
	path := strings.TrimSuffix(c.path, "/setLabels")
	doc := c.docs[path]
	switch {
	case doc == nil:
		return nil, notFound(path)
	case c.body["labelFingerprint"] != doc["labelFingerprint"]:
		return nil, stale(path)
	}
	if err := checkLabels(c.body); err != nil {
		return nil, err
	}
	return c.begin(path, nil, func() error {
		if c.body["labelFingerprint"] != doc["labelFingerprint"] {
			e := stale(path).(*apiError)
			return &apiError{e.status, "CONDITION_NOT_MET", e.message}
		}
		doc["labels"] = c.body["labels"]
		doc["labelFingerprint"] = fingerprint([]any{c.body["labels"], c.newID()})
		return nil
	}, nil)
}
