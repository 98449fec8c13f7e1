package kube

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A list is a page of any kind of object.
type list[T any] struct {
	Metadata metav1.ListMeta `json:"metadata"`
	Items    []T             `json:"items"`
}

// page gets a page of a list, and where the next one begins.
func page[T any](ctx context.Context, a *API, path string, query url.Values, cursor string) ([]T, string, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", strconv.Itoa(a.pageSize))
	if cursor != "" {
		query.Set("continue", cursor)
	}
	l, err := call[list[T]](ctx, a, request{method: http.MethodGet, path: path, query: query})
	if s, ok := errors.AsType[*statusError](err); ok && cursor != "" && s.Reason == metav1.StatusReasonExpired && s.Continue != "" && s.Continue != cursor {
		// Who took too long can go on with the list as it is now.
		query.Set("continue", s.Continue)
		l, err = call[list[T]](ctx, a, request{method: http.MethodGet, path: path, query: query})
	}
	return l.Items, l.Metadata.Continue, err
}

// all gets a whole list, which is known to be short.
func all[T any](ctx context.Context, a *API, path string, query url.Values) ([]T, error) {
	var out []T
	for cursor := ""; ; {
		items, next, err := page[T](ctx, a, path, query, cursor)
		if err != nil {
			return nil, err
		}
		out = append(out, items...)
		if cursor = next; cursor == "" {
			return out, nil
		}
	}
}

// ListContainers lists the workloads, kind after kind, of cluster after cluster.
// What the list of a kind does not say (addresses, exit statuses, ports of
// Services) is for GetContainer.
func (w Workloads) ListContainers(ctx context.Context, in container.ListContainers) iter.Seq2[container.Container, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Container, string, error) {
		at, err := readCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		if cursor == "" {
			if at.Left, err = w.listed(ctx, in.Cluster); err != nil || len(at.Left) == 0 {
				return nil, "", err
			}
		}
		cluster := at.Left[0]
		api, err := w.Open(ctx, cluster)
		if err != nil {
			return nil, "", err
		}
		namespace := ""
		switch {
		case w.namespaces() && cluster != "":
			namespace = cluster
		case api.only:
			namespace = api.namespace
		}
		k := kinds()[at.Kind]
		items, next, err := page[json.RawMessage](ctx, api, k.path(namespace, ""), selecting(in), at.Continue)
		if err != nil {
			return nil, "", err
		}
		out := make([]container.Container, 0, len(items))
		for _, item := range items {
			load, err := k.read(item)
			if err != nil {
				return nil, "", err
			}
			if load.owned {
				continue
			}
			r := w.at(cluster, load.meta.Namespace, k, load.meta.Name)
			out = append(out, load.show(w.id(r), r, nil))
		}
		return out, at.next(next), nil
	})
}

// listed names the clusters to list the containers of.
func (w Workloads) listed(ctx context.Context, cluster string) ([]string, error) {
	if cluster != "" || w.namespaces() {
		return []string{cluster}, nil
	}
	return w.Running(ctx)
}

// selecting is the query of what the API selects by itself.
func selecting(in container.ListContainers) url.Values {
	query := url.Values{}
	if in.Name != "" && len(validation.IsDNS1123Subdomain(in.Name)) == 0 {
		query.Set("fieldSelector", "metadata.name="+in.Name)
	}
	var labels []string
	for name, value := range in.Tags {
		if len(validation.IsQualifiedName(name)) == 0 && len(validation.IsValidLabelValue(value)) == 0 {
			labels = append(labels, name+"="+value)
		}
	}
	if labels != nil {
		slices.Sort(labels)
		query.Set("labelSelector", strings.Join(labels, ","))
	}
	return query
}

// A listCursor is where a list of containers goes on.
type listCursor struct {
	Left     []string `json:"left"` // the clusters, the one at hand first
	Kind     int      `json:"kind"`
	Continue string   `json:"continue,omitempty"`
}

func readCursor(cursor string) (listCursor, error) {
	var c listCursor
	if cursor == "" {
		return c, nil
	}
	if err := json.Unmarshal([]byte(cursor), &c); err != nil || len(c.Left) == 0 || c.Kind < 0 || c.Kind >= len(kinds()) {
		return c, op.Errorf(op.InvalidArgument, "the cursor is none that this list gave")
	}
	return c, nil
}

// next is the cursor of the page that follows; token is the API's own.
func (c listCursor) next(token string) string {
	c.Continue = token
	if token == "" {
		if c.Kind++; c.Kind == len(kinds()) {
			c.Left, c.Kind = c.Left[1:], 0
		}
	}
	if len(c.Left) == 0 {
		return ""
	}
	data, _ := json.Marshal(c)
	return string(data)
}

// GetContainer looks a container up, its pods and its Service.
func (w Workloads) GetContainer(ctx context.Context, in container.GetContainer) (container.Container, error) {
	api, r, err := w.find(ctx, in.Container)
	if err != nil {
		return container.Container{}, err
	}
	load, err := api.get(ctx, r)
	if err != nil {
		return container.Container{}, err
	}
	return w.whole(ctx, api, r, load)
}

// whole is a workload with what its pods and its Service tell.
func (w Workloads) whole(ctx context.Context, api *API, r ref, load workload) (container.Container, error) {
	var service *corev1.Service
	if r.kind.name != pod.name {
		pods, err := api.pods(ctx, r, load)
		if err != nil {
			return container.Container{}, err
		}
		load.look(pods)
	}
	if load.meta.Labels[labelContainer] != "" && hasPorts(load) {
		s, err := call[corev1.Service](ctx, api, request{method: http.MethodGet, path: objectPath("/api/v1", r.namespace, "services", r.name)})
		switch {
		case err == nil && s.Labels[labelContainer] == r.name:
			service = &s
		case err != nil && op.KindOf(err) != op.NotFound:
			return container.Container{}, err
		}
	}
	return load.show(w.id(r), r, service), nil
}

func hasPorts(load workload) bool {
	return slices.ContainsFunc(load.template.Spec.Containers, func(c corev1.Container) bool { return len(c.Ports) > 0 })
}

// get reads a workload.
func (a *API) get(ctx context.Context, r ref) (workload, error) {
	data, err := call[json.RawMessage](ctx, a, request{method: http.MethodGet, path: r.kind.path(r.namespace, r.name)})
	if err != nil {
		return workload{}, err
	}
	return r.kind.read(data)
}

// pods are those of a workload, the oldest first.
func (a *API) pods(ctx context.Context, r ref, load workload) ([]corev1.Pod, error) {
	if r.kind.name == pod.name {
		p, err := call[corev1.Pod](ctx, a, request{method: http.MethodGet, path: r.kind.path(r.namespace, r.name)})
		return []corev1.Pod{p}, err
	}
	selector, err := metav1.LabelSelectorAsSelector(load.labels)
	if err != nil {
		return nil, op.Errorf(op.Internal, "the selector of %s %s: %w", load.kind, r.name, err)
	}
	pods, err := all[corev1.Pod](ctx, a, pod.path(r.namespace, ""), url.Values{"labelSelector": {selector.String()}})
	slices.SortStableFunc(pods, func(a, b corev1.Pod) int {
		if n := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); n != 0 {
			return n
		}
		return strings.Compare(a.Name, b.Name)
	})
	return pods, err
}
