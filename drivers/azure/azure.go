// Package azure is the drivers for Microsoft Azure: "azure", of the compute and
// the lb family, "aks", of the container family, and "azure_blobs", of the
// storage family.
//
// How a session is opened (session.go) and what an error means (errors.go) is
// for all services. What Azure Resource Manager manages has more in common: the
// clients of a subscription (arm.go), ids (refs.go), and how requests, pages
// and operations that take time are made (requests.go); each file of the rest
// is one part of one service. The SDK makes one attempt a request: retrying is
// the host's.
package azure

import (
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/kube"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Providers returns the drivers of this package.
func Providers() []*drivers.Provider {
	return []*drivers.Provider{
		drivers.New(drivers.Info{
			Name:    "azure",
			Family:  compute.Family,
			Title:   "Azure Virtual Machines",
			Website: "https://azure.microsoft.com/products/virtual-machines",
			Doc:     sessionDoc + managerDoc + computeDoc,
			Extras: map[string]any{
				"create_node":      nodeExtra{},
				"create_nodes":     nodeExtra{},
				"create_volume":    volumeExtra{},
				"create_network":   networkExtra{},
				"create_subnet":    subnetExtra{},
				"allocate_address": addressExtra{},
			},
		}, openCompute),
		drivers.New(drivers.Info{
			Name:    "azure",
			Family:  lb.Family,
			Title:   "Azure Load Balancer",
			Website: "https://azure.microsoft.com/products/load-balancer",
			Doc:     sessionDoc + managerDoc + balancerDoc,
			Extras:  map[string]any{"create_balancer": balancerExtra{}},
		}, openBalancers),
		drivers.New(drivers.Info{
			Name:    "aks",
			Family:  container.Family,
			Title:   "Azure Kubernetes Service",
			Website: "https://azure.microsoft.com/products/kubernetes-service",
			Doc:     sessionDoc + managerDoc + aksDoc + kube.Doc,
			Extras:  map[string]any{"create_cluster": aksExtra{}, "deploy_container": kube.DeployExtra{}},
			Missing: kube.Missing(nil),
		}, openAKS),
		drivers.New(drivers.Info{
			Name:    "azure_blobs",
			Family:  storage.Family,
			Title:   "Azure Blob Storage",
			Website: "https://azure.microsoft.com/products/storage/blobs",
			Doc:     blobsDoc,
			Extras: map[string]any{
				"create_bucket":           containerExtra{},
				"put_object":              objectExtra{},
				"create_multipart_upload": objectExtra{},
			},
		}, openBlobs),
	}
}
