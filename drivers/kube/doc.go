package kube

import "maps"

// Doc is what the documentation of a driver says of its containers.
const Doc = `
A container is a workload. deploy_container makes a **Deployment**, or a **Job** where restart_policy is "no" or "on_failure" (its replicas are to end once each); lists have StatefulSets,
DaemonSets and Pods of their own, too, whoever made them. ` + "`command`" + ` is what Kubernetes calls args: the image's entry point stays, as with Docker.

- **Ports** get a Service of the workload's name, which goes with it. ` + "`host_port`" + ` is the Service's port (with extra = {"service": "NodePort"}, the node's).
- **Mounts**: a source that is a path is of the node (hostPath), another is a PersistentVolumeClaim, none is memory (emptyDir).
- **State**: a Deployment is running when Kubernetes holds it available; a Job when its pods are ready. A container whose image cannot be pulled, or that crashes again and again, is in
  state error, and ` + "`extra[\"reason\"]`" + ` says why: the image is not looked for before the pods start. Readiness is that of extra = {"readiness_probe": …}.
- **Lists** say what the workloads say. Addresses, exit statuses, the ports of Services, and why a pod does not start are for get_container and refresh().
- **Stop** takes the pods away and remembers how many there were; start brings as many back. A Job is suspended and resumed; one that has ended does not run again. DaemonSets and Pods cannot be stopped.
- **Destroy** deletes the workload with its pods and its Service; it is there, pending, until they are gone.
- **Logs** are of all pods, merged by time; following them, new pods too. Kubernetes does not tell standard error apart: all lines are stdout.
- **Commands** (exec) run in one pod. Environment variables are set with the program env, which must be in the image.
- Names are DNS labels; tags are labels, of the pods too, so that a Service of your own can select by them.

The way down: ` + "`cloud.native(\"GET /api/v1/nodes\")`" + ` is any request of the API, ` + "`{namespace}`" + ` in a path is the connection's or the argument ` + "`namespace`" + `. A PATCH is a merge patch unless a
Content-Type among ` + "`headers`" + ` says otherwise. ` + "`cloud.native(\"APPLY\", manifest = …)`" + ` has the server merge any objects into what is there (server-side apply): a dict, a list, or YAML text of one or many documents; with
` + "`force`" + `, ` + "`field_manager`" + ` and ` + "`dry_run`" + `.
`

// Missing is why drivers that run Kubernetes lack operations, and more reasons.
func Missing(more map[string]string) map[string]string {
	const nodes = "a node pulls an image when it needs it, and tells in its own status alone of some that it has: native(\"GET /api/v1/nodes\")"
	const registry = "Kubernetes has no registry: the drivers of registries do"
	out := map[string]string{"list_images": nodes, "pull_image": nodes, "delete_image": "nodes remove images that they do not use by themselves",
		"list_repositories": registry, "list_tags": registry, "get_image": registry, "copy_image": registry, "push_image": registry}
	maps.Copy(out, more)
	return out
}
