package google

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	gce "google.golang.org/api/compute/v1"
	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A balancer is made of a dozen kinds of resources, half of them global or in a
// region, and all of them work alike. Here a resource is a path below the project,
// as "global/backendServices/web" or "regions/europe-west1/urlMaps/web", with the
// SDK's types as bodies: the SDK's own methods would be sixty ways to say so.

// call makes a request of the project's resources.
func (d *gceDriver) call(ctx context.Context, method, path string, query url.Values, body, answer any) error {
	project, err := d.project(ctx)
	if err != nil {
		return err
	}
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return op.Errorf(op.Internal, "%s: %w", path, err)
		}
		in = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(d.api.BasePath, "/")+"/projects/"+project+"/"+path, in)
	if err != nil {
		return op.Errorf(op.Internal, "%s: %w", path, err)
	}
	r.URL.RawQuery = query.Encode()
	r.Header.Set("User-Agent", "cloudlark")
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := d.client.Do(r)
	if err != nil {
		return failed(err)
	}
	defer resp.Body.Close()
	if err := googleapi.CheckResponse(resp); err != nil {
		return failed(err)
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return failed(err)
	}
	return nil
}

// read reads a resource.
func (d *gceDriver) read(ctx context.Context, path string, v any) error {
	return d.call(ctx, http.MethodGet, path, nil, nil, v)
}

// alter asks for a change, and waits until it is made. As with change, a request
// that is repeated has one effect.
func (d *gceDriver) alter(ctx context.Context, method, path string, body any) error {
	project, err := d.project(ctx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(body)
	if err != nil {
		return op.Errorf(op.Internal, "%s: %w", path, err)
	}
	query := url.Values{}
	if !strings.HasPrefix(path, "global/") || !strings.HasSuffix(path, "/setLabels") { // the one method without
		query.Set("requestId", requestID(op.Token(ctx), fmt.Sprintf("%s %s %x", method, path, sha256.Sum256(data))))
	}
	o, err := persist(ctx, func() (*gce.Operation, error) {
		o := &gce.Operation{}
		return o, d.call(ctx, method, path, query, body, o)
	})
	if err != nil {
		return err
	}
	return d.start(project, o).finished(ctx)
}

// insert makes a resource; where says the path of its collection.
func (d *gceDriver) insert(ctx context.Context, where string, body any) error {
	return d.alter(ctx, http.MethodPost, where, body)
}

// erase deletes a resource; one that is not there is no matter.
func (d *gceDriver) erase(ctx context.Context, path string) error {
	if err := d.alter(ctx, http.MethodDelete, path, nil); op.KindOf(err) != op.NotFound {
		return err
	}
	return nil
}

// pathOf is the path of a resource's URL.
func pathOf(url string) string {
	_, path, found := strings.Cut(url, "/projects/")
	if !found {
		path = strings.TrimPrefix(url, "projects/")
	}
	_, path, _ = strings.Cut(path, "/")
	return path
}

// A look reads resources: one by one, or of whole collections that are read once.
type look func(ctx context.Context, path string, v any) error

// lookup is a look that reads each collection that is asked for as a whole: a list
// of balancers takes no request for each.
func (d *gceDriver) lookup() look {
	known := map[string]map[string]json.RawMessage{}
	return func(ctx context.Context, path string, v any) error {
		parts := strings.Split(path, "/")
		if len(parts) < 3 {
			return op.Errorf(op.NotFound, "there is no %s", path)
		}
		collection := parts[len(parts)-2]
		if known[collection] == nil {
			all, err := d.collection(ctx, collection)
			if err != nil {
				return err
			}
			known[collection] = all
		}
		data, ok := known[collection][path]
		if !ok {
			return op.Errorf(op.NotFound, "there is no %s", path)
		}
		if err := json.Unmarshal(data, v); err != nil {
			return failed(err)
		}
		return nil
	}
}

// onlyGlobal are the collections that have no aggregated list.
var onlyGlobal = map[string]bool{"targetSslProxies": true, "httpHealthChecks": true}

// collection reads all resources of a kind, by path.
func (d *gceDriver) collection(ctx context.Context, name string) (map[string]json.RawMessage, error) {
	where := "aggregated/" + name
	if onlyGlobal[name] {
		where = "global/" + name
	}
	all := map[string]json.RawMessage{}
	query := url.Values{"maxResults": {fmt.Sprint(d.page(most))}}
	for {
		var page struct {
			NextPageToken string          `json:"nextPageToken"`
			Items         json.RawMessage `json:"items"`
			Unreachables  []string        `json:"unreachables"`
		}
		if _, err := persist(ctx, func() (any, error) { return nil, d.call(ctx, http.MethodGet, where, query, nil, &page) }); err != nil {
			return nil, err
		}
		if err := unreachable(name, page.Unreachables); err != nil {
			return nil, err
		}
		lists := []json.RawMessage{page.Items}
		if !onlyGlobal[name] && len(page.Items) > 0 {
			lists = nil
			var scopes map[string]map[string]json.RawMessage
			if err := json.Unmarshal(page.Items, &scopes); err != nil {
				return nil, failed(err)
			}
			for _, s := range scopes {
				lists = append(lists, s[name])
			}
		}
		for _, list := range lists {
			var items []json.RawMessage
			if len(list) > 0 {
				if err := json.Unmarshal(list, &items); err != nil {
					return nil, failed(err)
				}
			}
			for _, item := range items {
				var link struct {
					SelfLink string `json:"selfLink"`
				}
				if err := json.Unmarshal(item, &link); err != nil {
					return nil, failed(err)
				}
				all[pathOf(link.SelfLink)] = item
			}
		}
		if page.NextPageToken == "" {
			return all, nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
}
