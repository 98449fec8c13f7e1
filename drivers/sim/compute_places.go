package sim

import (
	"context"
	"iter"

	"github.com/cloudlark/cloudlark/drivers/compute"
)

func (d computeDriver) ListSizes(ctx context.Context, in compute.ListSizes) iter.Seq2[compute.Size, error] {
	if in.Location != "" {
		if err := checkLocation(in.Location); err != nil {
			return failing[compute.Size](ctx, d.driver, err)
		}
	}
	return listed(ctx, d.driver, sizes()) // everywhere the same
}

func (d computeDriver) ListLocations(ctx context.Context, in compute.ListLocations) iter.Seq2[compute.Location, error] {
	return listed(ctx, d.driver, locations())
}
