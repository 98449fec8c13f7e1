package kube

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Namespaces are the operations on clusters where those are the namespaces of
// one API server.
type Namespaces struct{ API *API }

// NamespaceExtra is what create_cluster takes in extra.
type NamespaceExtra struct {
	Annotations map[string]string `json:"annotations,omitzero" help:"The namespace's annotations."`
}

func namespacePath(name string) string { return objectPath("/api/v1", "", "namespaces", name) }

func (n Namespaces) show(ns corev1.Namespace, version string) container.Cluster {
	c := container.Cluster{ID: ns.Name, Name: ns.Name, State: container.Running, Endpoint: n.API.base.String(), Version: version,
		Tags: tags(ns.Labels), CreatedAt: ns.CreationTimestamp.UTC(), Extra: map[string]any{"uid": string(ns.UID)}}
	delete(c.Tags, corev1.LabelMetadataName) // its name again
	if ns.Status.Phase == corev1.NamespaceTerminating {
		c.State = container.Terminated
	}
	return c
}

// ListClusters lists the namespaces; that of the connection alone, if it is
// confined to one.
func (n Namespaces) ListClusters(ctx context.Context, in container.ListClusters) iter.Seq2[container.Cluster, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Cluster, string, error) {
		if n.API.only {
			c, err := n.GetCluster(ctx, container.GetCluster{Cluster: n.API.namespace})
			return []container.Cluster{c}, "", err
		}
		version, err := n.API.version(ctx)
		if err != nil {
			return nil, "", err
		}
		query := url.Values{}
		if in.Name != "" && segment(in.Name) {
			query.Set("fieldSelector", "metadata.name="+in.Name)
		}
		items, next, err := page[corev1.Namespace](ctx, n.API, namespacePath(""), query, cursor)
		out := make([]container.Cluster, 0, len(items))
		for _, ns := range items {
			out = append(out, n.show(ns, version))
		}
		return out, next, err
	})
}

// GetCluster looks a namespace up.
func (n Namespaces) GetCluster(ctx context.Context, in container.GetCluster) (container.Cluster, error) {
	ns, err := n.namespace(ctx, in.Cluster)
	if err != nil {
		return container.Cluster{}, err
	}
	version, err := n.API.version(ctx)
	return n.show(ns, version), err
}

func (n Namespaces) namespace(ctx context.Context, name string) (corev1.Namespace, error) {
	if !segment(name) {
		return corev1.Namespace{}, op.Errorf(op.NotFound, "there is no namespace %q", name)
	}
	return call[corev1.Namespace](ctx, n.API, request{method: http.MethodGet, path: namespacePath(name)})
}

// CreateCluster makes a namespace.
func (n Namespaces) CreateCluster(ctx context.Context, in container.CreateCluster) (container.Cluster, error) {
	none := container.Cluster{}
	extra, err := op.Extra[NamespaceExtra](in.Extra)
	if err != nil {
		return none, err
	}
	if in.Location != "" || in.Version != "" || in.Nodes != 0 || in.Size != "" {
		return none, op.Errorf(op.InvalidArgument, "location, version, nodes and size: a namespace has none of its own")
	}
	token := op.Token(ctx)
	ns := corev1.Namespace{TypeMeta: metav1.TypeMeta{Kind: "Namespace", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Name: in.Name, Labels: in.Tags, Annotations: map[string]string{noteToken: token}}}
	for name, value := range extra.Annotations {
		ns.Annotations[name] = value
	}
	version, err := n.API.version(ctx)
	if err != nil {
		return none, err
	}
	made, err := call[corev1.Namespace](ctx, n.API, request{method: http.MethodPost, path: namespacePath(""), body: ns})
	if op.KindOf(err) == op.AlreadyExists {
		if there, readErr := n.namespace(ctx, in.Name); readErr == nil && there.Annotations[noteToken] == token {
			made, err = there, nil
		}
	}
	if err != nil {
		return none, err
	}
	return n.show(made, version), nil
}

// DestroyCluster deletes a namespace in which nothing runs.
func (n Namespaces) DestroyCluster(ctx context.Context, in container.DestroyCluster) error {
	if !segment(in.Cluster) {
		return op.Errorf(op.NotFound, "there is no namespace %q", in.Cluster)
	}
	for _, k := range kinds() {
		l, err := call[list[json.RawMessage]](ctx, n.API, request{method: http.MethodGet, path: k.path(in.Cluster, ""), query: url.Values{"limit": {"1"}}})
		if err != nil {
			return err
		}
		if len(l.Items) > 0 {
			load, err := k.read(l.Items[0])
			if err != nil {
				return err
			}
			return op.Errorf(op.Conflict, "namespace %s still has %s %s: destroy it first", in.Cluster, k.name, load.meta.Name)
		}
	}
	return n.API.do(ctx, request{method: http.MethodDelete, path: namespacePath(in.Cluster)})
}
