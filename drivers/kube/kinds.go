package kube

import (
	"cmp"
	"encoding/json"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A kind is one of the kinds of objects that are containers of the contract.
type kind struct {
	name     string // in ids
	resource string // in paths
	base     string // of paths
	read     func(data []byte) (workload, error)
}

var (
	deployment  = kind{"deployment", "deployments", "/apis/apps/v1", reader(ofDeployment)}
	statefulSet = kind{"statefulset", "statefulsets", "/apis/apps/v1", reader(ofStatefulSet)}
	daemonSet   = kind{"daemonset", "daemonsets", "/apis/apps/v1", reader(ofDaemonSet)}
	job         = kind{"job", "jobs", "/apis/batch/v1", reader(ofJob)}
	pod         = kind{"pod", "pods", "/api/v1", reader(ofPod)}
)

// kinds are in the order in which they are listed.
func kinds() []kind { return []kind{deployment, statefulSet, daemonSet, job, pod} }

func kindOf(name string) (kind, bool) {
	for _, k := range kinds() {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

// path is that of an object of the kind, or of all of a namespace, or of all.
func (k kind) path(namespace, name string) string {
	return objectPath(k.base, namespace, k.resource, name)
}

func objectPath(base, namespace, resource, name string) string {
	p := base
	if namespace != "" {
		p += "/namespaces/" + namespace
	}
	p += "/" + resource
	if name != "" {
		p += "/" + name
	}
	return p
}

// A workload is what the kinds have in common, and what each says of its state.
type workload struct {
	meta     metav1.ObjectMeta
	kind     string // as Kubernetes spells it
	api      string
	labels   *metav1.LabelSelector // of its pods; nil for a pod itself
	template corev1.PodTemplateSpec

	replicas, ready int
	restart         container.RestartPolicy
	state           container.State
	exit            *int
	reason, message string // why the state is what it is, where there is something to say
	ips             []string
	owned           bool // by another workload, which is listed in its place
	ended           bool // for good, as a Job does
	begun           bool // its controller has seen that it shall not run
}

func reader[T any](of func(T) workload) func([]byte) (workload, error) {
	return func(data []byte) (workload, error) {
		var v T
		if err := json.Unmarshal(data, &v); err != nil {
			return workload{}, op.Errorf(op.Unavailable, "the API server's answer cannot be read: %w", err)
		}
		w := of(v)
		if w.meta.DeletionTimestamp != nil {
			w.state, w.reason = container.Terminated, "Deleting"
		}
		return w, nil
	}
}

// value is what p points to, else what Kubernetes takes for it.
func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func ofDeployment(d appsv1.Deployment) workload {
	w := workload{meta: d.ObjectMeta, kind: "Deployment", api: "apps/v1", labels: d.Spec.Selector, template: d.Spec.Template,
		replicas: int(value(d.Spec.Replicas, 1)), ready: int(d.Status.ReadyReplicas), restart: container.RestartAlways}
	left := d.Status.Replicas + value(d.Status.TerminatingReplicas, 0)
	w.scaled(d.Status.ObservedGeneration, left)
	w.begun = d.Status.ObservedGeneration >= d.Generation && w.replicas == 0 && d.Status.Replicas == 0
	for _, c := range d.Status.Conditions {
		switch {
		case w.state != container.Pending || w.replicas == 0:
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue,
			c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse:
			w.state, w.reason, w.message = container.Error, c.Reason, c.Message
		case c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionTrue && d.Status.ObservedGeneration >= d.Generation:
			w.state = container.Running
		}
	}
	return w
}

// scaled is the state of what keeps a number of pods running, as far as the
// numbers tell it: Pending may turn out to be something else.
func (w *workload) scaled(observed int64, left int32) {
	w.state = container.Pending
	if observed >= w.meta.Generation && w.replicas == 0 && left == 0 {
		w.state = container.Stopped
	}
}

func ofStatefulSet(s appsv1.StatefulSet) workload {
	w := workload{meta: s.ObjectMeta, kind: "StatefulSet", api: "apps/v1", labels: s.Spec.Selector, template: s.Spec.Template,
		replicas: int(value(s.Spec.Replicas, 1)), ready: int(s.Status.ReadyReplicas), restart: container.RestartAlways}
	w.scaled(s.Status.ObservedGeneration, s.Status.Replicas)
	w.begun = s.Status.ObservedGeneration >= s.Generation && w.replicas == 0
	if w.state == container.Pending && w.replicas > 0 && w.ready >= w.replicas && s.Status.ObservedGeneration >= s.Generation {
		w.state = container.Running
	}
	return w
}

func ofDaemonSet(s appsv1.DaemonSet) workload {
	w := workload{meta: s.ObjectMeta, kind: "DaemonSet", api: "apps/v1", labels: s.Spec.Selector, template: s.Spec.Template,
		replicas: int(s.Status.DesiredNumberScheduled), ready: int(s.Status.NumberReady), restart: container.RestartAlways, state: container.Pending}
	if s.Status.ObservedGeneration >= s.Generation && w.ready >= w.replicas {
		w.state = container.Running
	}
	return w
}

func ofJob(j batchv1.Job) workload {
	w := workload{meta: j.ObjectMeta, kind: "Job", api: "batch/v1", labels: j.Spec.Selector, template: j.Spec.Template,
		replicas: int(value(j.Spec.Parallelism, 1)), ready: int(value(j.Status.Ready, 0)), state: container.Pending}
	w.restart = container.RestartNo
	if value(j.Spec.BackoffLimit, 6) > 0 {
		w.restart = container.RestartOnFailure
	}
	if w.ready+int(j.Status.Succeeded) >= w.replicas && w.ready > 0 {
		w.state = container.Running
	}
	suspended := value(j.Spec.Suspend, false)
	w.begun = suspended && j.Status.Active == 0
	switch {
	case suspended && j.Status.Active+value(j.Status.Terminating, 0) > 0:
		w.state = container.Pending
	case suspended:
		w.state, w.ready = container.Stopped, 0
	}
	for _, c := range j.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			w.state, w.ended, w.exit = container.Stopped, true, new(int)
		case batchv1.JobFailed:
			w.state, w.ended, w.reason, w.message = container.Stopped, true, c.Reason, c.Message
		}
	}
	return w
}

func ofPod(p corev1.Pod) workload {
	w := workload{meta: p.ObjectMeta, kind: "Pod", api: "v1", template: corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec},
		replicas: 1, owned: metav1.GetControllerOf(&p) != nil, state: container.Pending}
	switch p.Spec.RestartPolicy {
	case corev1.RestartPolicyNever:
		w.restart = container.RestartNo
	case corev1.RestartPolicyOnFailure:
		w.restart = container.RestartOnFailure
	default:
		w.restart = container.RestartAlways
	}
	switch p.Status.Phase {
	case corev1.PodRunning:
		if podReady(&p) {
			w.state, w.ready = container.Running, 1
		}
	case corev1.PodSucceeded, corev1.PodFailed:
		w.state, w.ended, w.reason, w.message = container.Stopped, true, p.Status.Reason, p.Status.Message
	case corev1.PodUnknown:
		w.state = container.Unknown
	}
	w.look([]corev1.Pod{p})
	return w
}

func podReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// hopeless are the reasons for which a pod waits that waiting does not mend.
var hopeless = []string{"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
	"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}

// look adds what the pods tell: addresses, how the program ended, and why it
// does not run.
func (w *workload) look(pods []corev1.Pod) {
	for _, p := range pods {
		if p.Status.PodIP != "" && p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			w.ips = append(w.ips, p.Status.PodIP)
		}
		name := mainContainer(&p)
		for _, s := range p.Status.ContainerStatuses {
			switch ended := s.State.Terminated; {
			case s.Name != name:
			case ended != nil && w.state == container.Stopped && (w.exit == nil || *w.exit == 0):
				code := int(ended.ExitCode)
				w.exit, w.reason, w.message = &code, cmp.Or(w.reason, ended.Reason), cmp.Or(w.message, ended.Message)
			case s.State.Waiting != nil && w.state == container.Pending && slices.Contains(hopeless, s.State.Waiting.Reason):
				w.state, w.reason, w.message = container.Error, s.State.Waiting.Reason, s.State.Waiting.Message
			case s.State.Waiting != nil && w.state == container.Pending && w.reason == "":
				w.reason, w.message = s.State.Waiting.Reason, s.State.Waiting.Message
			}
		}
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && w.state == container.Pending && w.reason == "" {
				w.reason, w.message = c.Reason, c.Message // as Unschedulable: it may find a node yet
			}
		}
	}
}

// mainContainer is the name of the one of a pod's containers that logs and
// commands are about, as kubectl chooses it.
func mainContainer(p *corev1.Pod) string {
	if name := p.Annotations["kubectl.kubernetes.io/default-container"]; name != "" {
		return name
	}
	if len(p.Spec.Containers) == 0 {
		return ""
	}
	return p.Spec.Containers[0].Name
}
