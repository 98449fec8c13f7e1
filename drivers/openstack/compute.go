package openstack

import (
	"context"
	"time"

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
// could not be removed.
func undo(ctx context.Context, err error, what string, remove func(ctx context.Context) error) error {
	ctx, cancel := undoing(ctx)
	defer cancel()
	if e := remove(ctx); e != nil && op.KindOf(e) != op.NotFound {
		return also(err, what+", which was made on the way, is left", e)
	}
	return err
}

// undoing is the context in which an operation is undone: that is not given up
// when the operation is, and does not go on for ever either.
func undoing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
}

// also is err, which says besides what came of undoing the operation.
func also(err error, what string, e error) error {
	f := *op.AsError(err)
	f.Message += "; and " + what + ": " + op.AsError(e).Message
	return &f
}
