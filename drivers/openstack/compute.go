package openstack

import (
	"context"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// The types of the services that the driver "openstack" talks to.
const (
	nova    = "compute"
	glance  = "image"
	neutron = "network"
	cinder  = "block-storage"
)

// computeConfig is the configuration of the driver "openstack".
type computeConfig struct {
	sessionConfig
	Zone            string `json:"zone,omitzero" help:"The availability zone that nodes are made in where no location is given; the cloud's choice if not given."`
	Network         string `json:"network,omitzero" help:"The id of the network that nodes are in where no networks or subnets are given; needed where the project sees several."`
	ExternalNetwork string `json:"external_network,omitzero" help:"The id or the name of the network that public addresses are of; needed where the cloud has several."`
}

// computeDriver is the driver "openstack".
type computeDriver struct {
	*session
	zone, network, external string
}

func openCompute(_ context.Context, c computeConfig) (*computeDriver, error) {
	s, err := newSession(c.sessionConfig, nova)
	if err != nil {
		return nil, err
	}
	return &computeDriver{session: s, zone: c.Zone, network: c.Network, external: c.ExternalNetwork}, nil
}

// undo removes what a failed operation has made, and adds to its error what
// could not be removed. It is not given up when the operation is.
func undo(ctx context.Context, err error, what string, remove func(ctx context.Context) error) error {
	if e := remove(context.WithoutCancel(ctx)); e != nil && op.KindOf(e) != op.NotFound {
		f := *op.AsError(err)
		f.Message += "; and " + what + ", which was made on the way, is left: " + op.AsError(e).Message
		return &f
	}
	return err
}
