// Package kube is what the drivers have in common whose containers run on
// Kubernetes: "kubernetes" itself, "gke", "aks", "rancher". It imports no provider, and
// each of them imports it.
//
// An [API] is one API server, spoken to with client-go's configuration,
// credentials and transports. [Workloads], which a driver embeds, are the
// operations on containers: a container is a workload (a Deployment, StatefulSet,
// DaemonSet, Job, or a Pod that none of them owns) with the Service that leads
// to it.
//
//	file          what
//	api.go        requests; errors.go, what their failures mean
//	kinds.go      the kinds of workloads, and what each says of itself
//	show.go       a workload as a container
//	list.go       lists, and looking one up
//	deploy.go     making one; template.go, of what
//	change.go     start, stop, restart, scale, destroy
//	logs.go       what they write; exec.go, commands in them
//	namespaces.go namespaces as clusters; clusters.go, those of a provider
//	native.go     any request of the API, and server-side apply; discovery.go, where it goes
package kube

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Workloads are the operations on containers. A driver embeds them.
type Workloads struct {
	// Open returns the API server of a cluster by its id; of "", that of the
	// connection's own, if it has one.
	Open func(ctx context.Context, cluster string) (*API, error)

	// Running lists the clusters whose containers are listed when none is named.
	// It is nil where the connection is to one API server, and the contract's
	// clusters are its namespaces.
	Running func(ctx context.Context) ([]string, error)
}

// namespaces reports whether the contract's clusters are namespaces.
func (w Workloads) namespaces() bool { return w.Running == nil }

// A ref is what a container's id says: "namespace/kind/name", behind the
// cluster's id where clusters are not namespaces.
type ref struct {
	cluster   string // as the contract has it
	namespace string
	kind      kind
	name      string
}

// at is the ref of what is called name in a cluster, as a container of the
// contract has it.
func (w Workloads) at(cluster, namespace string, k kind, name string) ref {
	if w.namespaces() {
		cluster = namespace
	}
	return ref{cluster, namespace, k, name}
}

func (w Workloads) id(r ref) string {
	id := r.namespace + "/" + r.kind.name + "/" + r.name
	if w.namespaces() {
		return id
	}
	return r.cluster + "/" + id
}

// find takes a container's id apart and returns the API server where it is.
func (w Workloads) find(ctx context.Context, id string) (*API, ref, error) {
	parts := strings.Split(id, "/")
	n := len(parts) - 3
	if n < 0 || w.namespaces() && n > 0 {
		return nil, ref{}, absent(id)
	}
	k, ok := kindOf(parts[n+1])
	if !ok || !segment(parts[n]) || !segment(parts[n+2]) {
		return nil, ref{}, absent(id)
	}
	r := w.at(strings.Join(parts[:n], "/"), parts[n], k, parts[n+2])
	api, err := w.Open(ctx, r.cluster)
	return api, r, err
}

// segment reports whether s can be a part of a path of the API.
func segment(s string) bool { return s != "" && len(content.IsPathSegmentName(s)) == 0 }

// absent is for ids that no container can have.
func absent(id string) error {
	return op.Errorf(op.NotFound, "container %q: there is none; an id ends with \"namespace/deployment/name\", or another kind", id)
}

// place is where a new container goes: the API server, and the namespace in it.
func (w Workloads) place(ctx context.Context, cluster, namespace string) (*API, string, error) {
	api, err := w.Open(ctx, cluster)
	if err != nil {
		return nil, "", err
	}
	if w.namespaces() && cluster != "" {
		if namespace != "" && namespace != cluster {
			return nil, "", op.Errorf(op.InvalidArgument, "cluster is namespace %q, and extra names namespace %q", cluster, namespace)
		}
		namespace = cluster
	}
	if namespace == "" {
		namespace = api.namespace
	}
	if namespace == "" {
		namespace = "default"
	}
	return api, namespace, nil
}
