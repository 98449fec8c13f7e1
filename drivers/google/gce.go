package google

import (
	"context"
	"crypto/sha1"
	"fmt"
	"os"
	"regexp"
	"slices"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// placedConfig is the configuration of what is in zones and regions.
type placedConfig struct {
	sessionConfig
	Zone   string `json:"zone,omitzero" help:"The zone that things are made in where no location is given, as europe-west1-b."`
	Region string `json:"region,omitzero" help:"The region that things are made in where no location is given; the zone's if not given."`
}

// gceConfig is the configuration of the driver "gce".
type gceConfig struct {
	placedConfig
	SSHUser       string   `json:"ssh_user,omitzero" default:"cloudlark" help:"The user that key pairs let in: nodes make an account of this name."`
	ImageProjects []string `json:"image_projects,omitzero" help:"The projects whose images list_images lists besides the own; Google's public ones if not given."`
}

// gceDriver is the driver "gce".
type gceDriver struct {
	*session
	api           *gce.Service
	zone, region  string // defaults; either may be empty
	sshUser       string
	imageProjects []string
}

// most is the largest page that Google Compute Engine gives.
const most = 500

func openGCE(ctx context.Context, c gceConfig) (*gceDriver, error) {
	s, err := newSession(c.sessionConfig)
	if err != nil {
		return nil, err
	}
	d := &gceDriver{session: s, zone: c.Zone, region: c.Region, sshUser: c.SSHUser, imageProjects: c.ImageProjects}
	if d.zone == "" && d.region == "" {
		d.zone, d.region = os.Getenv("CLOUDSDK_COMPUTE_ZONE"), os.Getenv("CLOUDSDK_COMPUTE_REGION")
	}
	if d.region == "" && d.zone != "" {
		d.region = regionOf(d.zone)
	}
	switch {
	case d.zone != "" && (!rule.MatchString(d.zone) || !isZone(d.zone)):
		return nil, op.Errorf(op.InvalidArgument, "zone is %q: it would be like \"europe-west1-b\"", d.zone)
	case d.region != "" && (!rule.MatchString(d.region) || isZone(d.region)):
		return nil, op.Errorf(op.InvalidArgument, "region is %q: it would be like \"europe-west1\"", d.region)
	case d.zone != "" && regionOf(d.zone) != d.region:
		return nil, op.Errorf(op.InvalidArgument, "the zone %s is not in the region %s: one of the two will do", d.zone, d.region)
	case !linuxUser.MatchString(d.sshUser):
		return nil, op.Errorf(op.InvalidArgument, "ssh_user is %q: it would be like \"cloudlark\"", d.sshUser)
	}
	if len(d.imageProjects) == 0 {
		d.imageProjects = publicProjects
	}
	options, err := s.options("https://compute.googleapis.com", "compute/v1/")
	if err != nil {
		return nil, err
	}
	if d.api, err = gce.NewService(ctx, options...); err != nil {
		return nil, op.Errorf(op.InvalidArgument, "opening the client: %w", err)
	}
	return d, nil
}

// linuxUser is what useradd takes for a name.
var linuxUser = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// HonoursToken makes the driver an [op.Idempotent]: these pass a requestId.
func (d *gceDriver) HonoursToken(o *op.Op) bool {
	switch o.Name {
	case "create_node", "create_nodes", "create_image", "copy_image", "create_volume", "create_volume_snapshot",
		"create_network", "create_subnet", "create_security_group", "allocate_address":
		return true
	}
	return false
}

// requestID is the operation's idempotency token in the form that Google
// Compute Engine takes, a UUID: one of those that are made from a name.
func requestID(token, step string) string {
	sum := sha1.Sum([]byte(step + "\x00" + token))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// zoneFor is the zone for something new: of a region it is the connection's
// zone if that is there, else the region's first.
func (d *gceDriver) zoneFor(ctx context.Context, location string) (string, error) {
	switch {
	case location == "" && d.zone != "":
		return d.zone, nil
	case location == "" && d.region == "":
		return "", op.Errorf(op.InvalidArgument, `there is no zone: give location = "europe-west1-b" or the like, or give the connection a zone or a region`)
	case location == "":
		location = d.region
	case !rule.MatchString(location):
		return "", op.Errorf(op.NotFound, "there is no location %q: list_locations lists them", location)
	case isZone(location):
		return location, nil
	}
	if d.zone != "" && regionOf(d.zone) == location {
		return d.zone, nil
	}
	project, err := d.project(ctx)
	if err != nil {
		return "", err
	}
	region, err := do(d.api.Regions.Get(project, location).Fields("zones").Context(ctx))
	if err != nil {
		return "", err
	}
	if len(region.Zones) == 0 {
		return "", op.Errorf(op.Conflict, "the region %s has no zones", location)
	}
	return base(slices.Min(region.Zones)), nil
}

// regionFor is the region for something new.
func (d *gceDriver) regionFor(location string) (string, error) {
	switch {
	case location == "" && d.region == "":
		return "", op.Errorf(op.InvalidArgument, `there is no region: give location = "europe-west1" or the like, or give the connection a zone or a region`)
	case location == "":
		return d.region, nil
	case !rule.MatchString(location):
		return "", op.Errorf(op.NotFound, "there is no location %q: list_locations lists them", location)
	}
	return regionOf(location), nil
}
