package compute

import (
	"net/netip"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Prefix reads a range of addresses, like "10.0.0.0/16".
func Prefix(cidr string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(cidr)
	switch {
	case err != nil:
		return p, op.Errorf(op.InvalidArgument, "cidr is %q: it would be like \"10.0.0.0/16\": %w", cidr, err)
	case p != p.Masked():
		return p, op.Errorf(op.InvalidArgument, "cidr is %q, which is an address in %s: give that", cidr, p.Masked())
	}
	return p, nil
}
