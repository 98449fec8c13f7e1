package kube

import (
	"maps"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/cloudlark/cloudlark/drivers/container"
)

// What Cloudlark writes on the objects that it makes. It is no one's tag.
const (
	ours            = "cloudlark.io/"
	labelContainer  = ours + "container" // selects a container's pods, and its Service
	noteToken       = ours + "token"     // the idempotency token of the call that made it
	noteReplicas    = ours + "replicas"  // how many ran before it was stopped
	noteRestartedAt = "kubectl.kubernetes.io/restartedAt"
	manager         = "cloudlark" // the field manager of server-side apply, and of what is made
	labelManagedBy  = "app.kubernetes.io/managed-by"
)

// tags are labels without ours.
func tags(labels map[string]string) map[string]string {
	out := maps.Clone(labels)
	maps.DeleteFunc(out, func(name, value string) bool {
		return strings.HasPrefix(name, ours) || name == labelManagedBy && value == manager
	})
	return out
}

// show is a workload as a container. service is the one that leads to it, nil
// if there is none or it was not looked for.
func (w workload) show(id string, r ref, service *corev1.Service) container.Container {
	c := container.Container{ID: id, Name: w.meta.Name, State: w.state, Cluster: r.cluster, RestartPolicy: w.restart,
		Replicas: w.replicas, Ready: w.ready, IPs: w.ips, ExitCode: w.exit, Tags: tags(w.meta.Labels), CreatedAt: w.meta.CreationTimestamp.UTC(),
		Extra: map[string]any{"kind": w.kind, "namespace": r.namespace, "uid": string(w.meta.UID)}}
	for name, text := range map[string]string{"reason": w.reason, "message": w.message} {
		if text != "" {
			c.Extra[name] = text
		}
	}
	if service != nil {
		c.Extra["service"] = showService(service)
	}
	spec := w.template.Spec
	i := slices.IndexFunc(spec.Containers, func(c corev1.Container) bool {
		return c.Name == mainContainer(&corev1.Pod{ObjectMeta: w.template.ObjectMeta, Spec: spec})
	})
	if i < 0 {
		return c
	}
	main := spec.Containers[i]
	c.Image, c.Command = main.Image, slices.Concat(main.Command, main.Args)
	for _, e := range main.Env {
		if e.ValueFrom == nil {
			if c.Environment == nil {
				c.Environment = map[string]string{}
			}
			c.Environment[e.Name] = e.Value
		}
	}
	c.CPUs = main.Resources.Limits.Cpu().AsApproximateFloat64()
	c.Memory = int(math.Ceil(float64(main.Resources.Limits.Memory().Value()) / (1 << 20)))
	for _, p := range main.Ports {
		c.Ports = append(c.Ports, showPort(p, service))
	}
	for _, m := range main.VolumeMounts {
		c.Mounts = append(c.Mounts, container.Mount{Source: source(spec.Volumes, m.Name), Target: m.MountPath, ReadOnly: m.ReadOnly})
	}
	return c
}

func showPort(p corev1.ContainerPort, service *corev1.Service) container.Port {
	out := container.Port{Port: int(p.ContainerPort), HostPort: int(p.HostPort), HostIP: p.HostIP, Protocol: container.TCP}
	if p.Protocol == corev1.ProtocolUDP {
		out.Protocol = container.UDP
	}
	if service == nil {
		return out
	}
	for _, s := range service.Spec.Ports {
		if s.Protocol == p.Protocol && (s.TargetPort.IntVal == p.ContainerPort || p.Name != "" && s.TargetPort.StrVal == p.Name) {
			out.HostPort = int(s.Port)
			if s.NodePort != 0 && service.Spec.Type == corev1.ServiceTypeNodePort {
				out.HostPort = int(s.NodePort)
			}
		}
	}
	return out
}

func showService(s *corev1.Service) map[string]any {
	out := map[string]any{"name": s.Name, "type": string(s.Spec.Type), "cluster_ip": s.Spec.ClusterIP}
	var outside []any
	for _, i := range s.Status.LoadBalancer.Ingress {
		if i.IP != "" {
			outside = append(outside, i.IP)
		} else {
			outside = append(outside, i.Hostname)
		}
	}
	if outside != nil {
		out["ingress"] = outside
	}
	return out
}

// source is what a volume is, as the contract says it: the name of a claim, a
// path of the node, nothing for memory or an empty folder, and else the volume's name.
func source(volumes []corev1.Volume, name string) string {
	i := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return v.Name == name })
	switch {
	case i < 0:
		return name
	case volumes[i].PersistentVolumeClaim != nil:
		return volumes[i].PersistentVolumeClaim.ClaimName
	case volumes[i].HostPath != nil:
		return volumes[i].HostPath.Path
	case volumes[i].EmptyDir != nil:
		return ""
	}
	return name
}
