// Package openstack is the drivers for OpenStack clouds: "openstack", of the
// compute family, "octavia", of the lb family, and "swift", of the storage family.
//
// Who a session is (cloud.go, session.go), how requests are made (rest.go,
// native.go) and what an error means (errors.go) is for all services; each file
// of the rest is one part of one service. Gophercloud makes one attempt a
// request: retrying is the host's. Every error is an [op.Error].
package openstack

import (
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/lb"
)

// Providers returns the drivers of this package.
func Providers() []*drivers.Provider {
	return []*drivers.Provider{
		drivers.New(drivers.Info{
			Name:    "openstack",
			Family:  compute.Family,
			Title:   "OpenStack",
			Website: "https://www.openstack.org",
			Doc:     sessionDoc + computeDoc,
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
			Name:    "octavia",
			Family:  lb.Family,
			Title:   "OpenStack Octavia",
			Website: "https://docs.openstack.org/octavia/latest/",
			Doc:     sessionDoc + balancerDoc,
			Extras:  map[string]any{"create_balancer": balancerExtra{}},
		}, openBalancers),
		swiftProvider(),
	}
}
