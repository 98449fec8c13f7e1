package azure

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func (d *computeDriver) ListLocations(ctx context.Context, _ compute.ListLocations) iter.Seq2[compute.Location, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.Location, string, error) {
		list, err := d.regions(ctx)
		return list, "", err
	})
}

// regions are the subscription's locations, without those that are no region, as
// the geographies that groups of them make up.
func (m *manager) regions(ctx context.Context) ([]compute.Location, error) {
	a, err := m.api(ctx)
	if err != nil {
		return nil, err
	}
	// The list has one page: its answer has no link to another.
	found, err := get(a.places.NewListLocationsPager(a.subscription, nil).NextPage(ctx))
	if err != nil {
		return nil, err
	}
	var list []compute.Location
	for _, l := range found.Value {
		if l.Metadata != nil && text(l.Metadata.RegionType) == string(armsubscriptions.RegionTypeLogical) {
			continue
		}
		list = append(list, locationOf(l))
	}
	return list, nil
}

func locationOf(l *armsubscriptions.Location) compute.Location {
	place := compute.Location{ID: value(l.Name), Name: cmp.Or(value(l.DisplayName), value(l.Name)), Region: value(l.Name)}
	var zones []string
	for _, z := range l.AvailabilityZoneMappings {
		zones = append(zones, value(z.LogicalZone))
	}
	place.Extra = map[string]any{"zones": zones}
	if m := l.Metadata; m != nil {
		place.Country = countries[value(m.Geography)]
		place.Extra["geography"], place.Extra["geographyGroup"], place.Extra["physicalLocation"] = value(m.Geography), value(m.GeographyGroup), value(m.PhysicalLocation)
		for _, p := range m.PairedRegion {
			place.Extra["pairedRegion"] = value(p.Name)
		}
	}
	extras(place.Extra)
	return place
}

// countries are those of Azure's geographies that are one country.
var countries = map[string]string{
	"United States": "US", "usa": "US", "US": "US", "Canada": "CA", "Brazil": "BR", "Mexico": "MX", "Chile": "CL",
	"United Kingdom": "GB", "uk": "GB", "France": "FR", "Germany": "DE", "Switzerland": "CH", "Norway": "NO", "Sweden": "SE", "Poland": "PL", "Italy": "IT",
	"Spain": "ES", "Austria": "AT", "Belgium": "BE", "Denmark": "DK", "Finland": "FI", "Greece": "GR", "Portugal": "PT", "Israel": "IL", "Qatar": "QA",
	"UAE": "AE", "United Arab Emirates": "AE", "Saudi Arabia": "SA", "South Africa": "ZA", "India": "IN", "Japan": "JP", "Korea": "KR", "Australia": "AU",
	"New Zealand": "NZ", "Malaysia": "MY", "Indonesia": "ID", "Taiwan": "TW", "China": "CN", "Thailand": "TH",
}

// ListSizes reads the resource SKUs, which tell of all that is sold: of a
// location in a page or two, of all of them in tens of megabytes.
func (d *computeDriver) ListSizes(ctx context.Context, in compute.ListSizes) iter.Seq2[compute.Size, error] {
	where := place(cmp.Or(in.Location, d.location))
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Size, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		if where == "" {
			return nil, "", op.Errorf(op.InvalidArgument, `sizes are those of a location: give location = "westeurope" or the like, or give the connection one`)
		}
		o := &armcompute.ResourceSKUsClientListOptions{Filter: pointer("location eq '" + strings.ReplaceAll(where, "'", "") + "'")}
		found, next, err := page(ctx, cursor, a.skus.NewListPager(o), func(r armcompute.ResourceSKUsClientListResponse) ([]*armcompute.ResourceSKU, *string) {
			return r.Value, r.NextLink
		})
		if err != nil {
			return nil, "", err
		}
		var list []compute.Size
		for _, s := range found {
			if strings.EqualFold(value(s.ResourceType), "virtualMachines") && !barred(s) {
				list = append(list, sizeOf(s))
			}
		}
		return list, next, nil
	})
}

// barred reports whether the subscription cannot have a size in the location.
func barred(s *armcompute.ResourceSKU) bool {
	return slices.ContainsFunc(s.Restrictions, func(r *armcompute.ResourceSKURestrictions) bool {
		return text(r.Type) == string(armcompute.ResourceSKURestrictionsTypeLocation)
	})
}

func sizeOf(s *armcompute.ResourceSKU) compute.Size {
	can := map[string]string{}
	for _, c := range s.Capabilities {
		can[value(c.Name)] = value(c.Value)
	}
	number := func(name string) float64 {
		n, err := strconv.ParseFloat(can[name], 64)
		if err != nil {
			return 0
		}
		return n
	}
	size := compute.Size{ID: value(s.Name), Name: value(s.Name), VCPUs: int(cmp.Or(number("vCPUsAvailable"), number("vCPUs"))),
		RAM: int(number("MemoryGB") * 1024), GPUs: int(number("GPUs")), Architecture: architectures[can["CpuArchitectureType"]]}
	var zones []string
	for _, i := range s.LocationInfo {
		zones = append(zones, texts(i.Zones)...)
	}
	slices.Sort(zones)
	size.Extra = extras(map[string]any{"family": value(s.Family), "tier": value(s.Tier), "zones": zones, "maxDataDisks": int(number("MaxDataDiskCount")),
		"temporaryDisk": int(number("MaxResourceVolumeMB") / 1024), "maxNetworkInterfaces": int(number("MaxNetworkInterfaces")), "hyperVGenerations": can["HyperVGenerations"],
		"spot": can["LowPriorityCapable"] == "True", "premiumIO": can["PremiumIO"] == "True", "acceleratedNetworking": can["AcceleratedNetworkingEnabled"] == "True",
		"hibernation": can["HibernationSupported"] == "True", "encryptionAtHost": can["EncryptionAtHostSupported"] == "True"})
	return size
}

// architectures are Azure's words for them, of sizes and of images.
var architectures = map[string]compute.Architecture{"x64": compute.X86_64, "Arm64": compute.ARM64}
