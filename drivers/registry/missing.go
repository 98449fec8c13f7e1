package registry

import (
	"maps"
	"slices"
)

// Missing says why there are operations that a registry does not have, but for
// those that the provider's own API offers beside the protocol.
func Missing(but ...string) map[string]string {
	m := map[string]string{
		"list_images": "a registry lists repositories and tags: use list_repositories and list_tags",
		"pull_image":  "nothing is kept here: use copy_image, or pull with the driver docker",
		"push_image":  "nothing is kept here: use copy_image, or push with the driver docker",
	}
	for _, name := range []string{"list_locations", "list_clusters", "get_cluster", "create_cluster", "destroy_cluster"} {
		m[name] = "a registry is one place, without clusters"
	}
	for _, name := range []string{"list_containers", "get_container", "deploy_container", "start_container", "stop_container", "restart_container", "scale_container",
		"destroy_container", "get_container_logs", "exec_container"} {
		m[name] = "a registry keeps images and runs none"
	}
	maps.DeleteFunc(m, func(name, _ string) bool { return slices.Contains(but, name) })
	return m
}
