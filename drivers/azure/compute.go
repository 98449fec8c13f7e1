package azure

import (
	"context"
	"regexp"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// computeConfig is the configuration of the driver "azure" of the compute family.
type computeConfig struct {
	managerConfig
	SSHUser     string   `json:"ssh_user,omitzero" default:"cloudlark" help:"The user that key pairs let in: nodes make an account of this name."`
	ImageOffers []string `json:"image_offers,omitzero" help:"What list_images lists of the marketplace, as Publisher:Offer; the usual Linux distributions and Windows Server if not given."`
}

// computeDriver is the driver "azure" of the compute family.
type computeDriver struct {
	*manager
	sshUser string
	offers  []string
	lists   around
}

// usualOffers are what list_images lists of the marketplace, which has
// thousands of publishers.
var usualOffers = []string{
	"Canonical:ubuntu-24_04-lts", "Canonical:0001-com-ubuntu-server-jammy", "Debian:debian-13", "Debian:debian-12", "almalinux:almalinux-x86_64", "almalinux:almalinux-arm",
	"RedHat:RHEL", "SUSE:sles-15-sp6", "MicrosoftWindowsServer:WindowsServer",
}

func openCompute(_ context.Context, c computeConfig) (*computeDriver, error) {
	m, err := newManager(c.managerConfig)
	if err != nil {
		return nil, err
	}
	if !linuxUser.MatchString(c.SSHUser) || c.SSHUser == "root" || c.SSHUser == "admin" {
		return nil, op.Errorf(op.InvalidArgument, "ssh_user is %q: it would be like \"cloudlark\"; Azure takes neither root nor admin", c.SSHUser)
	}
	d := &computeDriver{manager: m, sshUser: c.SSHUser, offers: c.ImageOffers}
	if len(d.offers) == 0 {
		d.offers = usualOffers
	}
	for _, o := range d.offers {
		if !offerName.MatchString(o) {
			return nil, op.Errorf(op.InvalidArgument, "image_offers: %q would be like \"Canonical:ubuntu-24_04-lts\"", o)
		}
	}
	return d, nil
}

var (
	linuxUser = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	offerName = regexp.MustCompile(`^[\w.-]+:[\w.-]+$`)
)

// HonoursToken makes the driver an [op.Idempotent]: what is made has the token
// as a tag.
func (*manager) HonoursToken(o *op.Op) bool {
	switch o.Name {
	case "create_node", "create_nodes", "create_image", "copy_image", "create_volume", "create_volume_snapshot",
		"create_network", "create_security_group", "allocate_address", "create_balancer", "create_cluster":
		return true
	}
	return false
}
