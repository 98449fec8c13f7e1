// Package google is the drivers for Google Cloud: "gce", of the compute family and
// of the load balancers, "gcs", of the storage family, and "gke" and
// "artifact_registry", of the container family.
//
// How a session is opened (session.go, credentials.go) and what an error means
// (errors.go) is for all services; each file of the rest is one part of one
// service. The SDK makes one attempt a request: retrying is the host's. Every
// request goes through do, which makes its error an [op.Error].
package google

import (
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/kube"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/registry"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Providers returns the drivers of this package.
func Providers() []*drivers.Provider {
	return []*drivers.Provider{
		drivers.New(drivers.Info{
			Name:    "gce",
			Family:  compute.Family,
			Title:   "Google Compute Engine",
			Website: "https://cloud.google.com/compute",
			Doc:     sessionDoc + gceDoc,
			Extras: map[string]any{
				"create_node":      nodeExtra{},
				"create_nodes":     nodeExtra{},
				"create_volume":    volumeExtra{},
				"create_network":   networkExtra{},
				"create_subnet":    subnetExtra{},
				"allocate_address": addressExtra{},
			},
		}, openGCE),
		drivers.New(drivers.Info{
			Name:    "gcs",
			Family:  storage.Family,
			Title:   "Google Cloud Storage",
			Website: "https://cloud.google.com/storage",
			Doc:     sessionDoc + gcsDoc,
			Extras:  map[string]any{"create_bucket": bucketExtra{}, "put_object": objectExtra{}, "create_multipart_upload": objectExtra{}},
		}, openGCS),
		drivers.New(drivers.Info{
			Name:    "gke",
			Family:  container.Family,
			Title:   "Google Kubernetes Engine",
			Website: "https://cloud.google.com/kubernetes-engine",
			Doc:     sessionDoc + gkeDoc + kube.Doc,
			Extras:  map[string]any{"create_cluster": gkeExtra{}, "deploy_container": kube.DeployExtra{}},
			Missing: kube.Missing(nil),
		}, openGKE),
		drivers.New(drivers.Info{
			Name:    "artifact_registry",
			Family:  container.Family,
			Title:   "Google Artifact Registry",
			Website: "https://cloud.google.com/artifact-registry",
			Doc:     sessionDoc + artifactsDoc,
			Missing: registry.Missing("list_images", "list_locations"),
		}, openArtifacts),
		drivers.New(drivers.Info{
			Name:    "gce",
			Family:  lb.Family,
			Title:   "Google Cloud Load Balancing",
			Website: "https://cloud.google.com/load-balancing",
			Doc:     sessionDoc + lbDoc,
			Extras:  map[string]any{"create_balancer": balancerExtra{}},
			Missing: map[string]string{"balancer_update_member": "an endpoint has neither a weight nor a switch: detach it, and it finishes what it has"},
		}, openLB),
	}
}
