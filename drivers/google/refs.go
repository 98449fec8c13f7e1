package google

import (
	"regexp"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A ref names a resource: its URL is made of these. Ids are made of them too,
// as short as they can be: "web-1" is global, "us-central1-a/web-1" is in a
// zone, and the project comes first where it is not the session's own.
type ref struct {
	project string
	scope   string // a zone or a region; empty for what is global
	name    string
}

// rule is what Google Compute Engine says of names.
var rule = regexp.MustCompile(`^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$`)

// project ids may have a domain before them: "example.com:web".
var projectID = regexp.MustCompile(`^(?:[a-z0-9.-]+:)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$`)

// named refuses what cannot be the name of something new.
func named(what, name string) error {
	if rule.MatchString(name) {
		return nil
	}
	return op.Errorf(op.InvalidArgument, "%s cannot be %q: names are 1 to 63 lower-case letters, digits and hyphens at Google Compute Engine, "+
		"begin with a letter and do not end with a hyphen", what, name)
}

// parseURL reads a resource's full or partial URL.
func parseURL(url string) ref {
	_, path, found := strings.Cut(url, "projects/")
	if !found {
		path = "/" + url
	}
	parts := strings.Split(path, "/")
	r := ref{project: parts[0], name: parts[len(parts)-1]}
	for i, p := range parts[:len(parts)-1] {
		if p == "zones" || p == "regions" {
			r.scope = parts[i+1]
		}
	}
	return r
}

// id is the short form of a ref, seen from a project.
func (r ref) id(project string) string {
	parts := []string{r.project, r.scope, r.name}
	if r.project == project {
		parts[0] = ""
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/")
}

// shortID is the id of the resource at a URL; empty for no URL.
func shortID(project, url string) string {
	if url == "" {
		return ""
	}
	return parseURL(url).id(project)
}

// base is the last part of a URL: the name of what it leads to.
func base(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// global reads the id of something that is in no place: "name" or
// "project/name". A URL will do.
func global(what, id, project string) (ref, error) {
	r := ref{project: project, name: id}
	if strings.Contains(id, "projects/") {
		r = parseURL(id)
	} else if p, name, found := strings.Cut(id, "/"); found {
		r.project, r.name = p, name
	}
	if r.scope != "" || !rule.MatchString(r.name) || !projectID.MatchString(r.project) {
		return ref{}, op.Errorf(op.NotFound, "there is no %s %q: its id would be like %q", what, id, "my-name")
	}
	return r, nil
}

// placed reads the id of something that is in a zone or a region:
// "us-central1-a/name" or "project/us-central1-a/name"; "name" alone is in
// scope, if there is one. A URL will do.
func placed(what, id, project, scope string) (ref, error) {
	r := ref{project: project, scope: scope, name: id}
	if strings.Contains(id, "projects/") {
		r = parseURL(id)
	} else {
		switch parts := strings.Split(id, "/"); len(parts) {
		case 2:
			r.scope, r.name = parts[0], parts[1]
		case 3:
			r.project, r.scope, r.name = parts[0], parts[1], parts[2]
		}
	}
	if !rule.MatchString(r.name) || !rule.MatchString(r.scope) || !projectID.MatchString(r.project) {
		return ref{}, op.Errorf(op.NotFound, "there is no %s %q: its id would be like %q", what, id, "us-central1-a/my-name")
	}
	return r, nil
}

// A zone's name is its region's and one part more: "us-central1-a" is in "us-central1".
func isZone(scope string) bool { return strings.Count(scope, "-") >= 2 }

// regionOf is the region of a zone; of a region it is itself.
func regionOf(scope string) string {
	if !isZone(scope) {
		return scope
	}
	return strings.Join(strings.SplitN(scope, "-", 3)[:2], "-")
}
