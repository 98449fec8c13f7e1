package kube

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// patch merges changes into an object, unless it has changed since load was
// read: then change is asked again what to do with what it is now. A nil change
// is nothing to do.
func (a *API) patch(ctx context.Context, r ref, change func(workload) (map[string]any, error)) (workload, error) {
	for {
		load, err := a.get(ctx, r)
		if err != nil {
			return load, err
		}
		if load.meta.DeletionTimestamp != nil {
			return load, op.Errorf(op.Conflict, "%s %s/%s is being destroyed", load.kind, r.namespace, r.name)
		}
		changes, err := change(load)
		if err != nil || changes == nil {
			return load, err
		}
		meta, _ := changes["metadata"].(map[string]any)
		if meta == nil {
			meta = map[string]any{}
			changes["metadata"] = meta
		}
		meta["resourceVersion"] = load.meta.ResourceVersion
		err = a.do(ctx, request{method: http.MethodPatch, path: r.kind.path(r.namespace, r.name), contentType: mergePatch, body: changes})
		// The controllers write here too, so this happens, and is over with the next look.
		if op.KindOf(err) != op.Conflict || ctx.Err() != nil {
			return load, err
		}
	}
}

type dict = map[string]any

// cannot is what a kind has nothing for.
func cannot(load workload, what string) error {
	return op.Errorf(op.Unsupported, "a %s %s", load.kind, what)
}

// StartContainer lets a workload have its pods again, as many as before.
func (w Workloads) StartContainer(ctx context.Context, in container.StartContainer) error {
	api, r, err := w.find(ctx, in.Container)
	if err != nil {
		return err
	}
	_, err = api.patch(ctx, r, func(load workload) (dict, error) {
		switch r.kind.name {
		case job.name:
			if load.ended {
				return nil, op.Errorf(op.Conflict, "Job %s/%s has ended, and does not run twice: destroy it and deploy it again", r.namespace, r.name)
			}
			return dict{"spec": dict{"suspend": false}, "metadata": dict{"annotations": dict{noteReplicas: nil}}}, nil
		case daemonSet.name, pod.name:
			return nil, cannot(load, "is never stopped, and so not started")
		}
		if load.replicas > 0 {
			return nil, nil
		}
		n, err := strconv.Atoi(load.meta.Annotations[noteReplicas])
		if err != nil || n < 1 {
			n = 1
		}
		return dict{"spec": dict{"replicas": n}, "metadata": dict{"annotations": dict{noteReplicas: nil}}}, nil
	})
	return err
}

// StopContainer takes a workload's pods away and notes how many there were.
func (w Workloads) StopContainer(ctx context.Context, in container.StopContainer) error {
	api, r, err := w.find(ctx, in.Container)
	if err != nil {
		return err
	}
	changed := false
	load, err := api.patch(ctx, r, func(load workload) (dict, error) {
		changed = false
		note := dict{"annotations": dict{noteReplicas: strconv.Itoa(load.replicas)}}
		switch r.kind.name {
		case daemonSet.name:
			return nil, cannot(load, "runs on every node and cannot be stopped, only destroyed")
		case pod.name:
			return nil, cannot(load, "cannot be stopped, only destroyed")
		case job.name:
			if load.state == container.Stopped {
				return nil, nil
			}
			changed = true
			return dict{"spec": dict{"suspend": true}, "metadata": note}, nil
		}
		if load.replicas == 0 {
			return nil, nil
		}
		changed = true
		return dict{"spec": dict{"replicas": 0}, "metadata": note}, nil
	})
	if err != nil || !changed {
		return err
	}
	return api.hurry(ctx, r, load, *in.Timeout)
}

// hurry gives the pods of a workload that has just been stopped no more than
// seconds to end, where they would have more.
func (a *API) hurry(ctx context.Context, r ref, load workload, seconds int) error {
	grace := int64(seconds)
	if grace >= value(load.template.Spec.TerminationGracePeriodSeconds, 30) {
		return nil
	}
	// Not before the workload's controller has begun: it would replace them.
	err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		now, err := a.get(ctx, r)
		return err == nil && (now.begun || now.state == container.Stopped), err
	})
	if err != nil {
		return err
	}
	selector, err := metav1.LabelSelectorAsSelector(load.labels)
	if err != nil {
		return op.Errorf(op.Internal, "the selector of %s %s: %w", load.kind, r.name, err)
	}
	return a.do(ctx, request{method: http.MethodDelete, path: pod.path(r.namespace, ""), query: url.Values{"labelSelector": {selector.String()}},
		body: metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"}, GracePeriodSeconds: &grace}})
}

// RestartContainer replaces the pods, as "kubectl rollout restart" does.
func (w Workloads) RestartContainer(ctx context.Context, in container.RestartContainer) error {
	api, r, err := w.find(ctx, in.Container)
	if err != nil {
		return err
	}
	if r.kind.name == job.name {
		return w.restartJob(ctx, api, r, in)
	}
	_, err = api.patch(ctx, r, func(load workload) (dict, error) {
		switch {
		case r.kind.name == pod.name:
			return nil, cannot(load, "cannot be restarted: destroy it and deploy it again")
		case load.replicas == 0 && r.kind.name != daemonSet.name:
			return nil, op.Errorf(op.Conflict, "%s %s/%s is stopped: start it", load.kind, r.namespace, r.name)
		}
		return dict{"spec": dict{"template": dict{"metadata": dict{"annotations": dict{noteRestartedAt: time.Now().UTC().Format(time.RFC3339Nano)}}}}}, nil
	})
	return err
}

// restartJob stops a Job and starts it: deleting its pods would count as failures.
func (w Workloads) restartJob(ctx context.Context, api *API, r ref, in container.RestartContainer) error {
	load, err := api.get(ctx, r)
	if err == nil && load.state == container.Stopped {
		err = op.Errorf(op.Conflict, "Job %s/%s does not run", r.namespace, r.name)
	}
	if err != nil {
		return err
	}
	if err := w.StopContainer(ctx, container.StopContainer{Container: in.Container, Timeout: new(10)}); err != nil {
		return err
	}
	err = op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		load, err := api.get(ctx, r)
		return err == nil && load.state == container.Stopped, err
	})
	if err != nil {
		return err
	}
	return w.StartContainer(ctx, container.StartContainer{Container: in.Container})
}

// ScaleContainer changes how many pods a workload has. To 0 is to stop it.
func (w Workloads) ScaleContainer(ctx context.Context, in container.ScaleContainer) error {
	if in.Replicas < 0 {
		return op.Errorf(op.InvalidArgument, "replicas is %d: it is a number of pods", in.Replicas)
	}
	if in.Replicas == 0 {
		return w.StopContainer(ctx, container.StopContainer{Container: in.Container, Timeout: new(math.MaxInt32)})
	}
	api, r, err := w.find(ctx, in.Container)
	if err != nil {
		return err
	}
	_, err = api.patch(ctx, r, func(load workload) (dict, error) {
		switch r.kind.name {
		case job.name:
			return nil, cannot(load, "runs as often as it was made to: deploy another")
		case daemonSet.name:
			return nil, cannot(load, "runs once on every node")
		case pod.name:
			return nil, cannot(load, "is one, and cannot be more: deploy it")
		}
		if load.replicas == in.Replicas {
			return nil, nil
		}
		return dict{"spec": dict{"replicas": in.Replicas}, "metadata": dict{"annotations": dict{noteReplicas: nil}}}, nil
	})
	return err
}

// DestroyContainer deletes a workload, its pods and its Service. It is there
// until they are gone.
func (w Workloads) DestroyContainer(ctx context.Context, in container.DestroyContainer) error {
	api, r, err := w.find(ctx, in.Container)
	if err != nil {
		return err
	}
	return api.delete(ctx, r, "")
}
