package openstack

import (
	"context"
	"iter"
	"net/http"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A flavor is what Nova calls a size.
type flavor struct {
	ID, Name         string
	VCPUs, RAM, Disk int
}

// ListSizes lists all sizes for every location: Nova has the same in all its zones.
func (d *computeDriver) ListSizes(ctx context.Context, in compute.ListSizes) iter.Seq2[compute.Size, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Size, string, error) {
		found, next, err := page[item[flavor]](ctx, d.session, nova, "flavors/detail", nil, cursor, "flavors")
		if err != nil {
			return nil, "", err
		}
		sizes := make([]compute.Size, len(found))
		for i, f := range found {
			sizes[i] = compute.Size{ID: f.v.ID, Name: f.v.Name, VCPUs: f.v.VCPUs, RAM: f.v.RAM, Disk: f.v.Disk,
				Extra: f.extra("OS-FLV-EXT-DATA:ephemeral", "swap", "rxtx_factor", "os-flavor-access:is_public", "description", "extra_specs")}
		}
		return sizes, next, nil
	})
}

// ListLocations lists the availability zones of the session's region.
func (d *computeDriver) ListLocations(ctx context.Context, _ compute.ListLocations) iter.Seq2[compute.Location, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Location, string, error) {
		zones, err := fetch[[]struct {
			Name  string                   `json:"zoneName"`
			State struct{ Available bool } `json:"zoneState"`
		}](ctx, d.session, nova, http.MethodGet, "os-availability-zone", nil, "availabilityZoneInfo")
		if err != nil {
			return nil, "", err
		}
		var places []compute.Location
		for _, z := range zones {
			places = append(places, compute.Location{ID: z.Name, Name: z.Name, Region: d.login.region, Extra: map[string]any{"available": z.State.Available}})
		}
		return places, "", nil
	})
}
