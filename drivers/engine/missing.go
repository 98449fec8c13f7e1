package engine

// Missing says why there are operations that the driver does not have.
func Missing() map[string]string {
	const clusters = "a Docker daemon is one machine; the clusters of its swarm mode are the driver swarm's"
	const registries = "a daemon uses registries and does not list them: open one with the driver oci"
	return map[string]string{
		"list_locations":    clusters,
		"list_clusters":     clusters,
		"get_cluster":       clusters,
		"create_cluster":    clusters,
		"destroy_cluster":   clusters,
		"scale_container":   "a Docker daemon runs one container of a name, and keeps no number running",
		"copy_image":        "a daemon copies by pull_image and push_image; from registry to registry the driver oci does",
		"list_repositories": registries,
		"list_tags":         registries,
	}
}
