// Package openstack is the drivers for OpenStack clouds.
//
// Who a session is (cloud.go, session.go) and what an error means (errors.go)
// is for all services; each file of the rest is one part of one service. The
// SDK makes one attempt a request: retrying is the host's. The result of every
// call of the SDK goes through got or failed, which makes its error an
// [op.Error].
package openstack

import "github.com/cloudlark/cloudlark/drivers"

// Providers returns the drivers of this package.
func Providers() []*drivers.Provider {
	return []*drivers.Provider{
		swiftProvider(),
	}
}
