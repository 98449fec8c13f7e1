package kube

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// DeployExtra is what deploy_container takes in extra.
type DeployExtra struct {
	Namespace   string            `json:"namespace,omitzero" help:"The namespace; the connection's if not given."`
	Entrypoint  []string          `json:"entrypoint,omitzero" help:"What runs instead of the image's entry point: what Kubernetes calls command. The argument command is what it calls args."`
	Service     ServiceType       `json:"service,omitzero" default:"ClusterIP" help:"The type of the Service that leads to the ports; None for no Service."`
	Readiness   map[string]any    `json:"readiness_probe,omitzero" help:"When it is healthy: a probe, as Kubernetes writes it."`
	Liveness    map[string]any    `json:"liveness_probe,omitzero" help:"When it is to be restarted: a probe, as Kubernetes writes it."`
	Annotations map[string]string `json:"annotations,omitzero" help:"Annotations of the workload and its pods."`
	Pod         map[string]any    `json:"pod,omitzero" help:"More of the pods' specification, as Kubernetes writes it: {\"serviceAccountName\": \"web\", \"nodeSelector\": {\"disk\": \"ssd\"}}. A field that is given replaces what the arguments made of it."`
}

// ServiceType is the type of a Service.
type ServiceType string

// Values makes ServiceType an enumeration.
func (ServiceType) Values() []string {
	return []string{"ClusterIP", "NodePort", "LoadBalancer", "None"}
}

// A plan is what a deployment makes: the workload, and the Service that leads
// to it, if it has ports.
type plan struct {
	kind    kind
	object  any
	service *corev1.Service
}

// design makes a plan of what is asked for. What it does not check itself, the
// API server does, and says it well.
func design(in container.DeployContainer, extra DeployExtra, namespace, token string) (plan, error) {
	if _, err := name.ParseReference(in.Image, name.WeakValidation); err != nil {
		return plan{}, op.Errorf(op.InvalidArgument, "image: %w", err)
	}
	labels := maps.Clone(in.Tags)
	if labels == nil {
		labels = map[string]string{}
	}
	for key := range labels {
		if strings.HasPrefix(key, ours) {
			return plan{}, op.Errorf(op.InvalidArgument, "tags: names that begin with %q are Cloudlark's own", ours)
		}
	}
	selector := map[string]string{labelContainer: in.Name}
	labels[labelContainer] = in.Name
	if labels[labelManagedBy] == "" {
		labels[labelManagedBy] = manager
	}
	meta := metav1.ObjectMeta{Name: in.Name, Namespace: namespace, Labels: labels, Annotations: maps.Clone(extra.Annotations)}
	template, err := podTemplate(in, extra, labels)
	if err != nil {
		return plan{}, err
	}
	p := plan{kind: deployment}
	if p.service, err = service(in, extra.Service, meta, selector); err != nil {
		return plan{}, err
	}
	if meta.Annotations == nil {
		meta.Annotations = map[string]string{}
	}
	meta.Annotations[noteToken] = token
	replicas := int32(min(max(*in.Replicas, math.MinInt32), math.MaxInt32))
	switch in.RestartPolicy {
	case container.RestartNo, container.RestartOnFailure:
		var again int32
		template.Spec.RestartPolicy = corev1.RestartPolicyNever
		if in.RestartPolicy == container.RestartOnFailure {
			again = math.MaxInt32
			template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		}
		// A Job of none has ended before it began: it is one, which waits to be started.
		idle := replicas == 0
		if idle {
			replicas = 1
		}
		p.kind = job
		p.object = batchv1.Job{TypeMeta: metav1.TypeMeta{Kind: "Job", APIVersion: "batch/v1"}, ObjectMeta: meta,
			Spec: batchv1.JobSpec{Parallelism: &replicas, Completions: &replicas, Suspend: &idle, BackoffLimit: &again, Template: template}}
	default:
		p.object = appsv1.Deployment{TypeMeta: metav1.TypeMeta{Kind: "Deployment", APIVersion: "apps/v1"}, ObjectMeta: meta,
			Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: selector}, Template: template}}
	}
	return p, nil
}

func podTemplate(in container.DeployContainer, extra DeployExtra, labels map[string]string) (corev1.PodTemplateSpec, error) {
	main := corev1.Container{Name: "main", Image: in.Image, Command: extra.Entrypoint, Args: in.Command}
	for _, name := range slices.Sorted(maps.Keys(in.Environment)) {
		// $(NAME) would be replaced: what is given is meant as it is.
		main.Env = append(main.Env, corev1.EnvVar{Name: name, Value: strings.ReplaceAll(in.Environment[name], "$(", "$$(")})
	}
	for i := range main.Args {
		if i == 0 {
			main.Args = slices.Clone(main.Args)
		}
		main.Args[i] = strings.ReplaceAll(main.Args[i], "$(", "$$(")
	}
	limits := corev1.ResourceList{}
	if in.CPUs != 0 {
		limits[corev1.ResourceCPU] = *resource.NewMilliQuantity(int64(math.Round(in.CPUs*1000)), resource.DecimalSI)
	}
	if in.Memory != 0 {
		limits[corev1.ResourceMemory] = *resource.NewQuantity(int64(in.Memory)<<20, resource.BinarySI)
	}
	if len(limits) > 0 {
		main.Resources.Limits = limits
	}
	for _, p := range in.Ports {
		if p.HostIP != "" {
			return corev1.PodTemplateSpec{}, op.Errorf(op.InvalidArgument, "ports: host_ip: a Service has an address of its own; extra chooses its type")
		}
		main.Ports = append(main.Ports, corev1.ContainerPort{ContainerPort: int32(p.Port), Protocol: protocol(p)})
	}
	spec := corev1.PodSpec{}
	for i, m := range in.Mounts {
		v := corev1.Volume{Name: fmt.Sprintf("mount-%d", i)}
		switch {
		case m.Source == "":
			v.EmptyDir = &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
		case strings.HasPrefix(m.Source, "/"):
			v.HostPath = &corev1.HostPathVolumeSource{Path: m.Source}
		default:
			v.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: m.Source, ReadOnly: m.ReadOnly}
		}
		spec.Volumes = append(spec.Volumes, v)
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: v.Name, MountPath: m.Target, ReadOnly: m.ReadOnly})
	}
	if err := native.Fill("extra: readiness_probe", extra.Readiness, &main.ReadinessProbe); err != nil {
		return corev1.PodTemplateSpec{}, err
	}
	if err := native.Fill("extra: liveness_probe", extra.Liveness, &main.LivenessProbe); err != nil {
		return corev1.PodTemplateSpec{}, err
	}
	spec.Containers = []corev1.Container{main}
	if err := native.Fill("extra: pod", extra.Pod, &spec); err != nil {
		return corev1.PodTemplateSpec{}, err
	}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: extra.Annotations}, Spec: spec}, nil
}

func protocol(p container.Port) corev1.Protocol {
	if p.Protocol == container.UDP {
		return corev1.ProtocolUDP
	}
	return corev1.ProtocolTCP
}

// service leads to the container's ports; nil if there are none.
func service(in container.DeployContainer, t ServiceType, meta metav1.ObjectMeta, selector map[string]string) (*corev1.Service, error) {
	if t == "None" {
		for _, p := range in.Ports {
			if p.HostPort != 0 {
				return nil, op.Errorf(op.InvalidArgument, "ports: host_port is the Service's, and extra wants no Service")
			}
		}
		return nil, nil
	}
	if len(in.Ports) == 0 {
		return nil, nil
	}
	s := &corev1.Service{TypeMeta: metav1.TypeMeta{Kind: "Service", APIVersion: "v1"}, ObjectMeta: meta,
		Spec: corev1.ServiceSpec{Type: corev1.ServiceType(t), Selector: selector}}
	for _, p := range in.Ports {
		port := corev1.ServicePort{Name: fmt.Sprintf("%s-%d", strings.ToLower(string(protocol(p))), p.Port),
			Port: int32(p.Port), Protocol: protocol(p), TargetPort: intstr.FromInt32(int32(p.Port))}
		switch {
		case p.HostPort == 0:
		case t == "NodePort":
			port.NodePort = int32(p.HostPort)
		default:
			port.Port = int32(p.HostPort)
		}
		s.Spec.Ports = append(s.Spec.Ports, port)
	}
	return s, nil
}
