package kube

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// HonoursToken: a name is taken once, and what has it says which call made it.
func (Workloads) HonoursToken(o *op.Op) bool {
	return o.Name == "deploy_container" || o.Name == "create_cluster"
}

// DeployContainer makes a Deployment, or a Job of what is not to be restarted
// always; and, if it has ports, a Service, which the workload owns, so that it
// goes with it.
func (w Workloads) DeployContainer(ctx context.Context, in container.DeployContainer) (container.Container, error) {
	none := container.Container{}
	extra, err := op.Extra[DeployExtra](in.Extra)
	if err != nil {
		return none, err
	}
	api, namespace, err := w.place(ctx, in.Cluster, extra.Namespace)
	if err != nil {
		return none, err
	}
	token := op.Token(ctx)
	p, err := design(in, extra, namespace, token)
	if err != nil {
		return none, err
	}
	r := w.at(in.Cluster, namespace, p.kind, in.Name)
	load, made, err := api.create(ctx, r, p.object, token)
	if err != nil {
		return none, err
	}
	if p.service == nil {
		return load.show(w.id(r), r, nil), nil
	}
	s, err := api.serve(ctx, *p.service, load)
	if err == nil {
		return load.show(w.id(r), r, &s), nil
	}
	if made && !known(err) {
		// It may be there, and repeating the call finds out: all that is made has
		// the call's token.
		return none, err
	}
	return none, api.takeBack(ctx, r, load, err)
}

// known reports whether a request that failed had no effect.
func known(err error) bool {
	switch op.KindOf(err) {
	case op.Unavailable, op.Timeout, op.Canceled, op.Internal:
		return false
	}
	return true
}

// create creates an object. One that an earlier try of the same call made is
// as good; made tells whether this one did.
func (a *API) create(ctx context.Context, r ref, object any, token string) (load workload, made bool, err error) {
	data, err := call[json.RawMessage](ctx, a, request{method: http.MethodPost, path: r.kind.path(r.namespace, ""), body: object})
	if err == nil {
		load, err = r.kind.read(data)
		return load, true, err
	}
	if op.KindOf(err) != op.AlreadyExists {
		return load, false, err
	}
	load, readErr := a.get(ctx, r)
	switch {
	case readErr != nil && op.KindOf(readErr) != op.NotFound:
		return load, false, readErr
	case readErr == nil && load.meta.Annotations[noteToken] == token && load.meta.DeletionTimestamp == nil:
		return load, false, nil
	}
	return load, false, err
}

// serve creates the Service that leads to a workload, owned by it.
func (a *API) serve(ctx context.Context, s corev1.Service, owner workload) (corev1.Service, error) {
	yes := true
	s.OwnerReferences = []metav1.OwnerReference{{APIVersion: owner.api, Kind: owner.kind, Name: owner.meta.Name, UID: owner.meta.UID, BlockOwnerDeletion: &yes}}
	path := objectPath("/api/v1", s.Namespace, "services", "")
	made, err := call[corev1.Service](ctx, a, request{method: http.MethodPost, path: path, body: s})
	if op.KindOf(err) == op.AlreadyExists {
		there, readErr := call[corev1.Service](ctx, a, request{method: http.MethodGet, path: path + "/" + s.Name})
		if readErr == nil && metav1.IsControlledBy(&there, &owner.meta) || readErr == nil && ownedBy(there.OwnerReferences, owner.meta.UID) {
			return there, nil
		}
	}
	return made, err
}

func ownedBy(owners []metav1.OwnerReference, uid types.UID) bool {
	for _, o := range owners {
		if o.UID == uid {
			return true
		}
	}
	return false
}

// takeBack destroys what a call made that failed because of cause. Who gave the
// call up still wants nothing left behind.
func (a *API) takeBack(ctx context.Context, r ref, load workload, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	for {
		err := a.delete(ctx, r, load.meta.UID)
		switch op.KindOf(err) {
		case "", op.NotFound, op.Conflict: // a Conflict says that it is another's by now
			return cause
		case op.Unavailable, op.RateLimited:
			if op.TakeRetry(ctx) {
				continue
			}
		}
		e := *op.AsError(cause)
		e.Message += "; and " + load.kind + " " + r.namespace + "/" + r.name + ", made before, could not be removed: " + op.AsError(err).Message
		return &e
	}
}

// delete deletes an object, and with it what it owns: it is there until that
// is gone. An empty uid is any.
func (a *API) delete(ctx context.Context, r ref, uid types.UID) error {
	policy := metav1.DeletePropagationForeground
	o := metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"}, PropagationPolicy: &policy}
	if uid != "" {
		o.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	return a.do(ctx, request{method: http.MethodDelete, path: r.kind.path(r.namespace, r.name), body: o})
}
