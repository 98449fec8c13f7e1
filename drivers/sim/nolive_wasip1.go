//go:build wasip1

package sim

import (
	"context"
	"net/netip"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
)

// A WASM module has no sockets, and so no live: listen is refused there.
type live struct{}

const canListen = false

func (*world) enter([]netip.Prefix) *live                                     { return nil }
func (*live) leave()                                                          {}
func (*live) settle(context.Context)                                          {}
func (*live) showBalancer(*lb.Balancer)                                       {}
func (*live) showMember(*lb.Member)                                           {}
func (*live) drain(_ lb.Balancer, otherwise time.Time, _ time.Time) time.Time { return otherwise }
func (*live) reserve(ports []container.Port) ([]container.Port, func([]container.Port), error) {
	return ports, func([]container.Port) {}, nil
}
