package azure

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"
	subscriptionfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions/fake"
)

var locations = []struct{ name, display, geography string }{
	{Location, "West Europe", "Europe"},
	{"eastus", "East US", "United States"},
	{"francecentral", "France Central", "France"},
}

// A product is a size as it is sold of virtual machines.
type product struct {
	name         string
	cpus         int
	gib          float64
	gpus         int
	architecture string
}

var sizes = []product{
	{"Standard_B1s", 1, 1, 0, "x64"},
	{"Standard_B2s", 2, 4, 0, "x64"},
	{"Standard_B2pts_v2", 2, 1, 0, "Arm64"},
	{"Standard_D2s_v5", 2, 8, 0, "x64"},
	{"Standard_NC4as_T4_v3", 4, 28, 1, "x64"},
}

func (s *Server) places() subscriptionfake.Server {
	subscription := &armsubscriptions.Subscription{ID: pointer("/subscriptions/" + Subscription), SubscriptionID: pointer(Subscription), DisplayName: pointer("Cloudlark"),
		State: pointer(armsubscriptions.SubscriptionStateEnabled)}
	s.compute.ResourceSKUsServer.NewListPager = func(o *armcompute.ResourceSKUsClientListOptions) azfake.PagerResponder[armcompute.ResourceSKUsClientListResponse] {
		list, next := paged(s, skus(value(o.Filter)))
		return onePage(armcompute.ResourceSKUsClientListResponse{ResourceSKUsResult: armcompute.ResourceSKUsResult{Value: list, NextLink: next}})
	}
	return subscriptionfake.Server{
		NewListPager: func(*armsubscriptions.ClientListOptions) azfake.PagerResponder[armsubscriptions.ClientListResponse] {
			return onePage(armsubscriptions.ClientListResponse{SubscriptionListResult: armsubscriptions.SubscriptionListResult{Value: []*armsubscriptions.Subscription{subscription}}})
		},
		Get: func(context.Context, string, *armsubscriptions.ClientGetOptions) (azfake.Responder[armsubscriptions.ClientGetResponse], azfake.ErrorResponder) {
			return answer(http.StatusOK, armsubscriptions.ClientGetResponse{Subscription: *subscription}, nil)
		},
		NewListLocationsPager: func(string, *armsubscriptions.ClientListLocationsOptions) azfake.PagerResponder[armsubscriptions.ClientListLocationsResponse] {
			list := []*armsubscriptions.Location{{Name: pointer("europe"), DisplayName: pointer("Europe"), Metadata: &armsubscriptions.LocationMetadata{RegionType: pointer(armsubscriptions.RegionTypeLogical)}}}
			for _, l := range locations {
				list = append(list, &armsubscriptions.Location{Name: &l.name, DisplayName: &l.display, AvailabilityZoneMappings: []*armsubscriptions.AvailabilityZoneMappings{{LogicalZone: pointer("1")}},
					Metadata: &armsubscriptions.LocationMetadata{RegionType: pointer(armsubscriptions.RegionTypePhysical), Geography: &l.geography}})
			}
			return onePage(armsubscriptions.ClientListLocationsResponse{LocationListResult: armsubscriptions.LocationListResult{Value: list}})
		},
	}
}

// skus are what is sold: machines, and what a list of sizes must pass over.
func skus(filter string) []*armcompute.ResourceSKU {
	var list []*armcompute.ResourceSKU
	for _, l := range locations {
		if filter != "location eq '"+l.name+"'" {
			continue
		}
		list = append(list, &armcompute.ResourceSKU{ResourceType: pointer("disks"), Name: pointer("Premium_LRS"), Locations: []*string{&l.name}},
			&armcompute.ResourceSKU{ResourceType: pointer("virtualMachines"), Name: pointer("Standard_M416ms_v2"), Locations: []*string{&l.name},
				Restrictions: []*armcompute.ResourceSKURestrictions{{Type: pointer(armcompute.ResourceSKURestrictionsTypeLocation), Values: []*string{&l.name},
					ReasonCode: pointer(armcompute.ResourceSKURestrictionsReasonCodeNotAvailableForSubscription)}}})
		for _, z := range sizes {
			sku := &armcompute.ResourceSKU{ResourceType: pointer("virtualMachines"), Name: &z.name, Tier: pointer("Standard"), Locations: []*string{&l.name},
				LocationInfo: []*armcompute.ResourceSKULocationInfo{{Location: &l.name, Zones: []*string{pointer("1"), pointer("2"), pointer("3")}}}}
			for name, v := range map[string]string{"vCPUs": strconv.Itoa(z.cpus), "MemoryGB": strconv.FormatFloat(z.gib, 'f', -1, 64), "GPUs": strconv.Itoa(z.gpus),
				"CpuArchitectureType": z.architecture, "MaxDataDiskCount": "4", "HyperVGenerations": "V1,V2", "HibernationSupported": "True", "MaxResourceVolumeMB": "4096"} {
				sku.Capabilities = append(sku.Capabilities, &armcompute.ResourceSKUCapabilities{Name: &name, Value: &v})
			}
			list = append(list, sku)
		}
	}
	slices.SortFunc(list, func(a, b *armcompute.ResourceSKU) int { return cmp.Compare(*a.Name, *b.Name) })
	return list
}

// keys are SSH public keys.
func (s *Server) keys() {
	const keyType = "Microsoft.Compute/sshPublicKeys"
	f := &s.compute.SSHPublicKeysServer
	f.Create = func(_ context.Context, group, name string, k armcompute.SSHPublicKeyResource, _ *armcompute.SSHPublicKeysClientCreateOptions) (azfake.Responder[armcompute.SSHPublicKeysClientCreateResponse], azfake.ErrorResponder) {
		if err := known(k.Location); err != nil {
			return answer(0, armcompute.SSHPublicKeysClientCreateResponse{}, err)
		}
		k.SystemData = &armcompute.SystemData{CreatedAt: pointer(time.Now())}
		s.put(path(group, keyType, name), keyType, &k, "")
		return answer(http.StatusCreated, armcompute.SSHPublicKeysClientCreateResponse{SSHPublicKeyResource: k}, nil)
	}
	f.Get = func(_ context.Context, group, name string, _ *armcompute.SSHPublicKeysClientGetOptions) (azfake.Responder[armcompute.SSHPublicKeysClientGetResponse], azfake.ErrorResponder) {
		k, err := find[armcompute.SSHPublicKeyResource](s, path(group, keyType, name))
		return answer(http.StatusOK, armcompute.SSHPublicKeysClientGetResponse{SSHPublicKeyResource: value(k)}, err)
	}
	f.Delete = func(_ context.Context, group, name string, _ *armcompute.SSHPublicKeysClientDeleteOptions) (azfake.Responder[armcompute.SSHPublicKeysClientDeleteResponse], azfake.ErrorResponder) {
		p := strings.ToLower(path(group, keyType, name))
		if _, ok := s.resources[p]; !ok {
			return answer(http.StatusNoContent, armcompute.SSHPublicKeysClientDeleteResponse{}, nil)
		}
		delete(s.resources, p)
		return answer(http.StatusOK, armcompute.SSHPublicKeysClientDeleteResponse{}, nil)
	}
	f.NewListByResourceGroupPager = func(group string, _ *armcompute.SSHPublicKeysClientListByResourceGroupOptions) azfake.PagerResponder[armcompute.SSHPublicKeysClientListByResourceGroupResponse] {
		list, next := paged(s, every[armcompute.SSHPublicKeyResource](s, group))
		return onePage(armcompute.SSHPublicKeysClientListByResourceGroupResponse{SSHPublicKeysGroupListResult: armcompute.SSHPublicKeysGroupListResult{Value: list, NextLink: next}})
	}
	f.NewListBySubscriptionPager = func(*armcompute.SSHPublicKeysClientListBySubscriptionOptions) azfake.PagerResponder[armcompute.SSHPublicKeysClientListBySubscriptionResponse] {
		list, next := paged(s, every[armcompute.SSHPublicKeyResource](s, ""))
		return onePage(armcompute.SSHPublicKeysClientListBySubscriptionResponse{SSHPublicKeysGroupListResult: armcompute.SSHPublicKeysGroupListResult{Value: list, NextLink: next}})
	}
}
