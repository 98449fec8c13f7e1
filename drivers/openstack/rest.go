package openstack

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// object is a body of a request.
type object = map[string]any

// path joins parts of a path, of which each may have any letters.
func path(parts ...string) string {
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// send makes a request of the service of that kind and decodes its answer into
// out, unless that is nil.
func (s *session) send(ctx context.Context, kind, method, path string, in, out any, headers ...string) (http.Header, error) {
	c, err := s.service(ctx, kind)
	if err != nil {
		return nil, err
	}
	options := &gophercloud.RequestOpts{JSONBody: in, JSONResponse: out, OkCodes: []int{200, 201, 202, 203, 204}, MoreHeaders: map[string]string{}}
	for i := 0; i+1 < len(headers); i += 2 {
		options.MoreHeaders[headers[i]] = headers[i+1]
	}
	answer, err := c.Request(ctx, method, c.ResourceBaseURL()+path, options)
	if err != nil {
		return nil, failed(err)
	}
	return answer.Header, nil
}

// fetch makes a request and returns what its answer has under a key: services
// answer with {"server": {…}}.
func fetch[T any](ctx context.Context, s *session, kind, method, path string, in any, key string) (T, error) {
	var out map[string]json.RawMessage
	var v T
	if _, err := s.send(ctx, kind, method, path, in, &out); err != nil {
		return v, err
	}
	raw := out[key]
	if key == "" { // Glance answers with the thing itself
		raw, _ = json.Marshal(out)
	}
	if raw == nil {
		return v, op.Errorf(op.Unavailable, "the answer of the service %q has no %s in it", kind, key)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, failed(err)
	}
	return v, nil
}

// largest is the number of items to ask for at a time: services give fewer if
// that is too many for them.
const largest = 1000

// page returns one page of a list, which the answer has under a key, and the
// cursor of the next: the query of the link that leads there. The rest of the
// link is not heeded, since a service behind a proxy may not know its own URL.
func page[T any](ctx context.Context, s *session, kind, path string, query url.Values, cursor, key string) ([]T, string, error) {
	if cursor == "" {
		if query == nil {
			query = url.Values{}
		}
		query.Set("limit", strconv.Itoa(cmp.Or(s.pageSize, largest)))
		cursor = query.Encode()
	}
	var out map[string]json.RawMessage
	if _, err := s.send(ctx, kind, http.MethodGet, path+"?"+cursor, nil, &out); err != nil {
		return nil, "", err
	}
	var items []T
	if out[key] == nil {
		return nil, "", op.Errorf(op.Unavailable, "the answer of the service %q has no %s in it", kind, key)
	}
	if err := json.Unmarshal(out[key], &items); err != nil {
		return nil, "", failed(err)
	}
	next, err := nextQuery(out)
	if err == nil && next == cursor {
		err = op.Errorf(op.Unavailable, "the service %q answers that the page after a page is that page", kind)
	}
	return items, next, err
}

// all is every item of a list, for what needs them together: in as few pages as
// the service gives, however small those of the connection's own lists are.
func all[T any](ctx context.Context, s *session, kind, path string, query url.Values, key string) ([]T, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", strconv.Itoa(largest))
	var items []T
	for cursor := query.Encode(); ; {
		more, next, err := page[T](ctx, s, kind, path, query, cursor, key)
		if err != nil {
			return nil, err
		}
		if items = append(items, more...); next == "" {
			return items, nil
		}
		cursor = next
	}
}

// nextQuery finds the link to the next page in an answer, in one of the forms
//
//	Nova, Cinder, Neutron, Octavia  {"servers": […], "servers_links": [{"rel": "next", "href": "…"}]}
//	Glance                          {"images": […], "next": "/v2/images?marker=…"}
//	Keystone                        {"projects": […], "links": {"next": null}}
func nextQuery(answer map[string]json.RawMessage) (string, error) {
	var href string
	for name, raw := range answer {
		var links []struct{ Rel, Href string }
		if strings.HasSuffix(name, "_links") && json.Unmarshal(raw, &links) == nil {
			for _, l := range links {
				if l.Rel == "next" {
					href = l.Href
				}
			}
		}
	}
	var keystone struct{ Next string }
	if href == "" && json.Unmarshal(answer["next"], &href) != nil && json.Unmarshal(answer["links"], &keystone) == nil {
		href = keystone.Next
	}
	if href == "" {
		return "", nil
	}
	u, err := url.Parse(href)
	if err != nil || u.RawQuery == "" {
		return "", op.Errorf(op.Unavailable, "the next page of a list is at %q, which is no page", href)
	}
	return u.RawQuery, nil
}

// An item is what a service knows of a thing: what of it is read, and all.
type item[T any] struct {
	v   T
	all map[string]any
}

func (i *item[T]) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &i.v); err != nil {
		return err
	}
	return json.Unmarshal(data, &i.all)
}

// extra is what there is under these names and not empty.
func (i *item[T]) extra(names ...string) map[string]any {
	m := map[string]any{}
	for _, name := range names {
		switch v := i.all[name].(type) {
		case nil:
		case float64:
			m[name] = int64(v)
		default:
			if r := reflect.ValueOf(v); !r.IsZero() && (r.Kind() != reflect.Map && r.Kind() != reflect.Slice || r.Len() > 0) {
				m[name] = v
			}
		}
	}
	return m
}

// A stamp is a time, which some services write without a zone and mean UTC.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(data []byte) error {
	text, _ := strconv.Unquote(string(data)) // null is no time
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(form, text); err == nil {
			s.Time = t.UTC()
			return nil
		}
	}
	return nil
}

// Neutron and Glance have words for tags. A tag of Cloudlark's is one such word,
// "key=value"; a word without = is a tag with an empty value.

func tagsOf(words []string) map[string]string {
	if len(words) == 0 {
		return nil
	}
	tags := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		tags[k] = v
	}
	return tags
}

func wordsOf(tags map[string]string) ([]string, error) {
	words := make([]string, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		w := k + "=" + tags[k]
		if k == "" || strings.ContainsAny(k, "=,") || strings.ContainsAny(w, ",") {
			return nil, op.Errorf(op.InvalidArgument, "tags: %q is no tag of OpenStack: a key has no \"=\", and neither key nor value has a comma", w)
		}
		words = append(words, w)
	}
	return words, nil
}

// given is m without what is nil or empty.
func given(m object) object {
	maps.DeleteFunc(m, func(_ string, v any) bool {
		r := reflect.ValueOf(v)
		return v == nil || r.IsZero() || (r.Kind() == reflect.Slice || r.Kind() == reflect.Map) && r.Len() == 0
	})
	return m
}
