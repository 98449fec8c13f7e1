package libvirt

import (
	"context"
	"fmt"
	"iter"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// sizeConfig is a size in the configuration.
type sizeConfig struct {
	Name  string `json:"name" op:"required" help:"Its name, which is its id."`
	VCPUs int    `json:"vcpus,omitzero" default:"1" help:"Virtual processors."`
	RAM   int    `json:"ram" op:"required" unit:"MiB" help:"Memory."`
	Disk  int    `json:"disk,omitzero" unit:"GiB" help:"The root disk; the image's if not given."`
}

// builtIn is the catalogue where the configuration has none. libvirt itself has
// no sizes: any hardware can be had.
var builtIn = []sizeConfig{
	{"nano", 1, 512, 5}, {"micro", 1, 1024, 10}, {"small", 1, 2048, 20}, {"medium", 2, 4096, 40},
	{"large", 4, 8192, 80}, {"xlarge", 8, 16384, 160}, {"2xlarge", 16, 32768, 320},
}

func catalogue(sizes []sizeConfig) ([]compute.Size, error) {
	if len(sizes) == 0 {
		sizes = builtIn
	}
	var all []compute.Size
	seen := map[string]bool{}
	for i, s := range sizes {
		if s.VCPUs < 1 || s.RAM < 1 || s.Disk < 0 || seen[s.Name] {
			return nil, op.Errorf(op.InvalidArgument, "sizes[%d]: %q has a name of its own, at least one of vcpus and MiB of ram, and a disk that is not negative", i, s.Name)
		}
		seen[s.Name] = true
		all = append(all, compute.Size{ID: s.Name, Name: s.Name, VCPUs: s.VCPUs, RAM: s.RAM, Disk: s.Disk})
	}
	return all, nil
}

func (d *driver) size(id string) (compute.Size, error) {
	for _, s := range d.sizes {
		if s.ID == id {
			return s, nil
		}
	}
	return compute.Size{}, op.Errorf(op.NotFound, "there is no size %q: list_sizes lists them, and the connection's sizes can add some", id)
}

func (d *driver) ListSizes(ctx context.Context, in compute.ListSizes) iter.Seq2[compute.Size, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Size, string, error) {
		return d.sizes, "", d.here(ctx, in.Location)
	})
}

func (d *driver) ListLocations(ctx context.Context, _ compute.ListLocations) iter.Seq2[compute.Location, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Location, string, error) {
		host, err := d.hostname(ctx)
		if err != nil {
			return nil, "", err
		}
		v, err := get(ctx, d.link, wire.ConnectGetLibVersion)
		if err != nil {
			return nil, "", err
		}
		return []compute.Location{{ID: host, Name: host, Extra: map[string]any{
			"libvirt": fmt.Sprintf("%d.%d.%d", v/1000000, v/1000%1000, v%1000), "transport": transport}}}, "", nil
	})
}
