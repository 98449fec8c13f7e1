package azure

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
)

// An entry is a resource: a pointer to one of the SDK's structs.
type entry struct {
	path     string
	resource any
}

func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

func pointer[T any](v T) *T { return &v }

// path is Azure's id of what is in a group: kind is as "Microsoft.Compute/disks".
func path(group, kind string, names ...string) string {
	provider, kinds, _ := strings.Cut(kind, "/")
	p := "/subscriptions/" + Subscription + "/resourceGroups/" + group + "/providers/" + provider
	for i, k := range strings.Split(kinds, "/") {
		p += "/" + k
		if i < len(names) {
			p += "/" + names[i]
		}
	}
	return p
}

// put stores a resource, with what Azure fills in.
func (s *Server) put(path, kind string, resource any, state string) {
	dress(path, kind, resource, state)
	s.resources[strings.ToLower(path)] = &entry{path, resource}
}

// dress fills in what Azure does: id, name, type and state. The SDK's structs
// have them all under the same names.
func dress(path, kind string, resource any, state string) {
	v := reflect.ValueOf(resource).Elem()
	name := path[strings.LastIndex(path, "/")+1:]
	for field, text := range map[string]string{"ID": path, "Name": name, "Type": kind} {
		if f := v.FieldByName(field); f.IsValid() {
			f.Set(reflect.ValueOf(&text))
		}
	}
	setState(resource, state)
}

// setState sets the provisioning state of a resource.
func setState(resource any, state string) {
	properties := reflect.ValueOf(resource).Elem().FieldByName("Properties")
	if !properties.IsValid() {
		return
	}
	if properties.IsNil() {
		properties.Set(reflect.New(properties.Type().Elem()))
	}
	if f := properties.Elem().FieldByName("ProvisioningState"); f.IsValid() {
		word := reflect.New(f.Type().Elem())
		word.Elem().SetString(state)
		f.Set(word)
	}
}

// find is the resource at a path.
func find[T any](s *Server, path string) (*T, error) {
	if e, ok := s.resources[strings.ToLower(path)]; ok {
		if v, ok := e.resource.(*T); ok {
			return v, nil
		}
	}
	parts := strings.Split(path, "/")
	return nil, fault(http.StatusNotFound, "ResourceNotFound", "The Resource '%s' under resource group '%s' was not found.", strings.Join(parts[min(6, len(parts)-1):], "/"), parts[min(4, len(parts)-1)])
}

// there reports whether there is a resource of the type that something refers to.
func there[T any](s *Server, path *string) (*T, error) {
	v, err := find[T](s, value(path))
	if err != nil {
		return nil, fault(http.StatusBadRequest, "InvalidResourceReference", "Resource %s referenced by the request was not found.", value(path))
	}
	return v, nil
}

func (s *Server) sorted() []*entry {
	return slices.SortedFunc(maps.Values(s.resources), func(a, b *entry) int { return cmp.Compare(a.path, b.path) })
}

// every is all resources of a type, of a group or of all.
func every[T any](s *Server, group string) []*T {
	list := []*T{}
	for _, e := range s.sorted() {
		if v, ok := e.resource.(*T); ok && (group == "" || strings.EqualFold(strings.Split(e.path, "/")[4], group)) {
			list = append(list, v)
		}
	}
	return list
}

// paged is the page of a list that the request asks for, and the link to the
// next, which goes on behind the last item, whatever comes and goes before it.
func paged[T any](s *Server, list []*T) ([]*T, *string) {
	if s.pageSize == 0 {
		return list, nil
	}
	query := s.request.URL.Query()
	if after := query.Get("$skiptoken"); after != "" {
		i := slices.IndexFunc(list, func(v *T) bool { return place(v) > after })
		if i < 0 {
			i = len(list)
		}
		list = list[i:]
	}
	if len(list) <= s.pageSize {
		return list, nil
	}
	list = list[:s.pageSize]
	query.Set("$skiptoken", place(list[len(list)-1]))
	link := url.URL{Path: s.request.URL.Path, RawQuery: query.Encode()}
	return list, pointer(s.URL + link.String())
}

// place is where an item stands in its list: lists are sorted by it.
func place[T any](v *T) string {
	for _, field := range []string{"ID", "Name"} {
		if f := reflect.ValueOf(v).Elem().FieldByName(field); f.IsValid() && !f.IsNil() {
			return f.Elem().String()
		}
	}
	return ""
}

// The fakes take their answers in these forms.

func answer[T any](status int, v T, err error) (r azfake.Responder[T], e azfake.ErrorResponder) {
	if err != nil {
		e.SetError(err)
		return r, e
	}
	r.SetResponse(status, v, nil)
	return r, e
}

func accepted[T any](status int, v T, err error) (r azfake.PollerResponder[T], e azfake.ErrorResponder) {
	if err != nil {
		e.SetError(err)
		return r, e
	}
	r.SetTerminalResponse(status, v, nil)
	return r, e
}

func onePage[T any](v T) (r azfake.PagerResponder[T]) {
	r.AddPage(http.StatusOK, v, nil)
	return r
}

// removal begins to remove the resource at a path; status is how Azure answers.
func (s *Server) removal(path string, check func() error, end func()) (status int, err error) {
	e, ok := s.resources[strings.ToLower(path)]
	if !ok {
		return http.StatusNoContent, nil
	}
	if check != nil {
		if err := check(); err != nil {
			return 0, err
		}
	}
	setState(e.resource, "Deleting")
	s.begin(func(failed bool) {
		if failed {
			setState(e.resource, "Failed")
			return
		}
		delete(s.resources, strings.ToLower(path))
		if end != nil {
			end()
		}
	})
	return http.StatusAccepted, nil
}

// settle stores a resource that is there once an operation has ended.
func (s *Server) settle(path, kind string, resource any, end func()) int {
	status := http.StatusCreated
	if _, ok := s.resources[strings.ToLower(path)]; ok {
		status = http.StatusOK
	}
	s.put(path, kind, resource, "Creating")
	s.begin(func(failed bool) {
		if failed {
			setState(resource, "Failed")
			return
		}
		if end != nil {
			end()
		}
		setState(resource, "Succeeded")
	})
	return status
}

// known is a location that there is.
func known(location *string) error {
	for _, l := range locations {
		if strings.EqualFold(l.name, value(location)) {
			return nil
		}
	}
	return fault(http.StatusBadRequest, "LocationNotAvailableForResourceType", "The provided location '%s' is not available for resource type.", value(location))
}

func (s *Server) nextIP(prefix string) string {
	s.lastIP++
	return fmt.Sprintf("%s.%d", prefix, s.lastIP%150+100) // tests choose from those below
}
