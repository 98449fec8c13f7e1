// Package all is the list of the native drivers, for the command. A program
// that embeds Cloudlark imports the drivers it needs instead, and links no other.
package all

import (
	"slices"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/aws"
	"github.com/cloudlark/cloudlark/drivers/azure"
	"github.com/cloudlark/cloudlark/drivers/docker"
	"github.com/cloudlark/cloudlark/drivers/google"
	"github.com/cloudlark/cloudlark/drivers/joyent"
	"github.com/cloudlark/cloudlark/drivers/kubernetes"
	"github.com/cloudlark/cloudlark/drivers/libvirt"
	"github.com/cloudlark/cloudlark/drivers/local"
	"github.com/cloudlark/cloudlark/drivers/oci"
	"github.com/cloudlark/cloudlark/drivers/openstack"
	"github.com/cloudlark/cloudlark/drivers/rancher"
	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/drivers/softlayer"
)

// Providers lists every native driver. state is the folder in which the
// embedded cloud is kept.
func Providers(state string) []*drivers.Provider {
	return slices.Concat(
		sim.Providers(sim.Options{State: state}),
		[]*drivers.Provider{local.Provider(), docker.Provider(), docker.SwarmProvider(), joyent.Provider(), kubernetes.Provider(), libvirt.Provider(), oci.Provider(), rancher.Provider(), softlayer.Provider()},
		aws.Providers(),
		azure.Providers(),
		google.Providers(),
		openstack.Providers(),
	)
}
