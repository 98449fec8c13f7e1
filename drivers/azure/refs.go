package azure

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A ref names a resource. Its id is "group/name", of what is in another
// resource "group/outer/name"; Azure's own ids, which begin with
// /subscriptions/, are read too. Azure does not care about the case of a
// group's name, and answers now with one and now with another: here it is small.
type ref struct {
	group string
	names []string
}

func (r ref) name() string { return r.names[len(r.names)-1] }

func (r ref) String() string { return strings.ToLower(r.group) + "/" + strings.Join(r.names, "/") }

// The types of resources.
const (
	imageType  = "Microsoft.Compute/images"
	netType    = "Microsoft.Network/virtualNetworks"
	subnetType = "Microsoft.Network/virtualNetworks/subnets"
	groupType  = "Microsoft.Network/networkSecurityGroups"
)

// path is Azure's own id.
func (a *api) path(kind string, r ref) string {
	provider, kinds, _ := strings.Cut(kind, "/")
	path := fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/%s", a.subscription, r.group, provider)
	for i, k := range strings.Split(kinds, "/") {
		path += "/" + k + "/" + r.names[i]
	}
	return path
}

// refOf reads Azure's own id; ok is false for what is none of a resource in a group.
func refOf(path string) (r ref, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 8 || !strings.EqualFold(parts[0], "subscriptions") || !strings.EqualFold(parts[2], "resourceGroups") {
		return ref{}, false
	}
	r.group = parts[3]
	for i := 7; i < len(parts); i += 2 {
		r.names = append(r.names, parts[i])
	}
	return r, true
}

// shortID is the id of what Azure names by its own.
func shortID(path *string) string {
	if path == nil || *path == "" {
		return ""
	}
	if r, ok := refOf(*path); ok {
		return r.String()
	}
	return *path
}

// ref reads the id of something that is depth resources deep. Without a group
// it is in the session's.
func (m *manager) ref(what, id string, depth int) (ref, error) {
	if strings.HasPrefix(id, "/") {
		r, ok := refOf(id)
		if !ok || len(r.names) != depth {
			return r, op.Errorf(op.NotFound, "there is no %s %q", what, id)
		}
		return r, nil
	}
	parts := strings.Split(id, "/")
	r := ref{m.group, parts}
	if len(parts) == depth+1 {
		r = ref{parts[0], parts[1:]}
	}
	for _, p := range parts {
		if !resourceName.MatchString(p) {
			return r, op.Errorf(op.NotFound, "there is no %s %q", what, id)
		}
	}
	switch {
	case len(r.names) != depth:
		return r, op.Errorf(op.NotFound, "there is no %s %q", what, id)
	case r.group == "":
		return r, op.Errorf(op.InvalidArgument, "the %s %q is without its resource group: \"group/%[2]s\"", what, id)
	}
	return r, nil
}

// resourceName is what can be part of an id.
var resourceName = regexp.MustCompile(`^[\pL\pN_.()-]{1,90}$`)

// newName is what Azure takes for a name, but for its length.
var newName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_])?$`)

// named refuses a name that Azure would.
func named(what, name string, longest int) error {
	if !newName.MatchString(name) || len(name) > longest {
		return op.Errorf(op.InvalidArgument, "name: %q cannot be the name of %s at Azure: 1 to %d letters, digits, \".\", \"_\" and \"-\" can, beginning with a letter or digit", name, what, longest)
	}
	return nil
}
