package google

import (
	"context"
	"iter"
	"slices"

	gce "google.golang.org/api/compute/v1"
	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/compute"
)

func (d *gceDriver) ListLocations(ctx context.Context, _ compute.ListLocations) iter.Seq2[compute.Location, error] {
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.Location, string, error) {
		out, err := do(d.api.Zones.List(project).MaxResults(d.page(most)).PageToken(cursor).
			Fields("nextPageToken", "items(id,name,region,status,availableCpuPlatforms,deprecated)").Context(ctx))
		if err != nil {
			return nil, "", err
		}
		places := make([]compute.Location, len(out.Items))
		for i, z := range out.Items {
			places[i] = compute.Location{ID: z.Name, Name: z.Name, Region: base(z.Region), Extra: map[string]any{"status": z.Status}}
			if len(z.AvailableCpuPlatforms) > 0 {
				places[i].Extra["availableCpuPlatforms"] = z.AvailableCpuPlatforms
			}
			if z.Deprecated != nil {
				places[i].Extra["deprecated"] = z.Deprecated.State
			}
		}
		return places, out.NextPageToken, nil
	})
}

const sizeFields = "name,description,guestCpus,memoryMb,architecture,isSharedCpu,maximumPersistentDisks,maximumPersistentDisksSizeGb," +
	"accelerators(guestAcceleratorType,guestAcceleratorCount),bundledLocalSsds,deprecated/state"

// ListSizes lists the sizes of one zone: that of the location, or else that
// where a node would be made. Google has more than a hundred zones, which have
// mostly the same sizes under the same names; to ask for all takes as many
// requests. That is done where neither is known, and each size comes once.
func (d *gceDriver) ListSizes(ctx context.Context, in compute.ListSizes) iter.Seq2[compute.Size, error] {
	return pages(ctx, d.session, func(ctx context.Context, project, cursor string) ([]compute.Size, string, error) {
		if in.Location == "" && d.zone == "" && d.region == "" {
			sizes, err := d.allSizes(ctx, project)
			return sizes, "", err
		}
		zone, err := d.zoneFor(ctx, in.Location)
		if err != nil {
			return nil, "", err
		}
		out, err := do(d.api.MachineTypes.List(project, zone).MaxResults(d.page(most)).PageToken(cursor).
			Fields("nextPageToken", "items("+sizeFields+")").Context(ctx))
		if err != nil {
			return nil, "", err
		}
		sizes := make([]compute.Size, len(out.Items))
		for i, t := range out.Items {
			sizes[i] = sizeOf(t)
		}
		return sizes, out.NextPageToken, nil
	})
}

// allSizes are the sizes of all zones.
func (d *gceDriver) allSizes(ctx context.Context, project string) ([]compute.Size, error) {
	var sizes []compute.Size
	seen := map[string]bool{}
	err := d.api.MachineTypes.AggregatedList(project).MaxResults(d.page(most)).
		Fields("nextPageToken,unreachables", googleapi.Field("items/*/machineTypes("+sizeFields+")")).
		Pages(ctx, func(out *gce.MachineTypeAggregatedList) error {
			for _, part := range scoped(out.Items) {
				for _, t := range part.MachineTypes {
					if !seen[t.Name] {
						seen[t.Name] = true
						sizes = append(sizes, sizeOf(t))
					}
				}
			}
			return unreachable("sizes", out.Unreachables)
		})
	if err != nil {
		return nil, failed(err)
	}
	return sizes, nil
}

func sizeOf(t *gce.MachineType) compute.Size {
	s := compute.Size{ID: t.Name, Name: t.Name, VCPUs: int(t.GuestCpus), RAM: int(t.MemoryMb), Architecture: architecture(t.Architecture)}
	var kinds []string
	for _, a := range t.Accelerators {
		s.GPUs += int(a.GuestAcceleratorCount)
		kinds = append(kinds, a.GuestAcceleratorType)
	}
	s.Extra = extras(map[string]any{"description": t.Description, "isSharedCpu": t.IsSharedCpu, "maximumPersistentDisks": int(t.MaximumPersistentDisks),
		"maximumPersistentDisksSizeGb": int(t.MaximumPersistentDisksSizeGb), "accelerators": slices.Compact(kinds)})
	if t.BundledLocalSsds != nil {
		s.Extra["bundledLocalSsds"] = int(t.BundledLocalSsds.PartitionCount)
	}
	if t.Deprecated != nil {
		s.Extra["deprecated"] = t.Deprecated.State
	}
	return s
}

func architecture(s string) compute.Architecture {
	switch s {
	case "X86_64":
		return compute.X86_64
	case "ARM64":
		return compute.ARM64
	}
	return ""
}
