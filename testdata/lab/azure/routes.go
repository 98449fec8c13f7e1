package azure

import (
	"net/http"
	"strings"
)

// routes are the SDK's methods by what they request: the fakes know them by
// what a client says within its own process, which HTTP does not carry. Of a
// path it is the part behind subscription and group, with {} for names; what is
// in a group begins with "in".
var routes = map[string]string{
	"GET ":          "Client.NewListPager",
	"GET {}":        "Client.Get",
	"GET locations": "Client.NewListLocationsPager",

	"GET Microsoft.Compute/skus": "ResourceSKUsClient.NewListPager",
	"GET Microsoft.Compute/locations/{}/publishers/{}/artifacttypes/vmimage/offers":                        "VirtualMachineImagesClient.ListOffers",
	"GET Microsoft.Compute/locations/{}/publishers/{}/artifacttypes/vmimage/offers/{}/skus":                "VirtualMachineImagesClient.ListSKUs",
	"GET Microsoft.Compute/locations/{}/publishers/{}/artifacttypes/vmimage/offers/{}/skus/{}/versions":    "VirtualMachineImagesClient.List",
	"GET Microsoft.Compute/locations/{}/publishers/{}/artifacttypes/vmimage/offers/{}/skus/{}/versions/{}": "VirtualMachineImagesClient.Get",
	"POST in Microsoft.Compute/virtualMachines/{}/start":                                                   "VirtualMachinesClient.BeginStart",
	"POST in Microsoft.Compute/virtualMachines/{}/restart":                                                 "VirtualMachinesClient.BeginRestart",
	"POST in Microsoft.Compute/virtualMachines/{}/powerOff":                                                "VirtualMachinesClient.BeginPowerOff",
	"POST in Microsoft.Compute/virtualMachines/{}/deallocate":                                              "VirtualMachinesClient.BeginDeallocate",
	"POST in Microsoft.Compute/virtualMachines/{}/attachDetachDataDisks":                                   "VirtualMachinesClient.BeginAttachDetachDataDisks",
	"POST in Microsoft.Compute/virtualMachines/{}/retrieveBootDiagnosticsData":                             "VirtualMachinesClient.RetrieveBootDiagnosticsData",

	"POST in Microsoft.Network/loadBalancers/{}/loadBalancingRules/{}/health": "LoadBalancerLoadBalancingRulesClient.BeginHealth",

	"PUT in Microsoft.Compute/sshPublicKeys/{}":    "SSHPublicKeysClient.Create",
	"GET in Microsoft.Compute/sshPublicKeys/{}":    "SSHPublicKeysClient.Get",
	"DELETE in Microsoft.Compute/sshPublicKeys/{}": "SSHPublicKeysClient.Delete",
	"GET in Microsoft.Compute/sshPublicKeys":       "SSHPublicKeysClient.NewListByResourceGroupPager",
	"GET Microsoft.Compute/sshPublicKeys":          "SSHPublicKeysClient.NewListBySubscriptionPager",

	"POST in Microsoft.ContainerService/managedClusters/{}/listClusterUserCredential":  "ManagedClustersClient.ListClusterUserCredentials",
	"POST in Microsoft.ContainerService/managedClusters/{}/listClusterAdminCredential": "ManagedClustersClient.ListClusterAdminCredentials",

	"GET in Microsoft.Compute/galleries":                             "GalleriesClient.NewListByResourceGroupPager",
	"GET Microsoft.Compute/galleries":                                "GalleriesClient.NewListPager",
	"GET in Microsoft.Compute/galleries/{}/images":                   "GalleryImagesClient.NewListByGalleryPager",
	"GET in Microsoft.Compute/galleries/{}/images/{}":                "GalleryImagesClient.Get",
	"DELETE in Microsoft.Compute/galleries/{}/images/{}":             "GalleryImagesClient.BeginDelete",
	"GET in Microsoft.Compute/galleries/{}/images/{}/versions/{}":    "GalleryImageVersionsClient.Get",
	"DELETE in Microsoft.Compute/galleries/{}/images/{}/versions/{}": "GalleryImageVersionsClient.BeginDelete",
}

// collections are the types that have the usual requests, with their clients
// and the names of their lists, of a group and of the subscription.
var collections = map[string][3]string{
	"Microsoft.Compute/virtualMachines":                        {"VirtualMachinesClient", "NewListPager", "NewListAllPager"},
	"Microsoft.Compute/disks":                                  {"DisksClient", "NewListByResourceGroupPager", "NewListPager"},
	"Microsoft.Compute/snapshots":                              {"SnapshotsClient", "NewListByResourceGroupPager", "NewListPager"},
	"Microsoft.Compute/images":                                 {"ImagesClient", "NewListByResourceGroupPager", "NewListPager"},
	"Microsoft.Network/networkInterfaces":                      {"InterfacesClient", "NewListPager", "NewListAllPager"},
	"Microsoft.Network/publicIPAddresses":                      {"PublicIPAddressesClient", "NewListPager", "NewListAllPager"},
	"Microsoft.Network/virtualNetworks":                        {"VirtualNetworksClient", "NewListPager", "NewListAllPager"},
	"Microsoft.Network/virtualNetworks/{}/subnets":             {"SubnetsClient", "NewListPager", ""},
	"Microsoft.Network/networkSecurityGroups":                  {"SecurityGroupsClient", "NewListPager", "NewListAllPager"},
	"Microsoft.Network/networkSecurityGroups/{}/securityRules": {"SecurityRulesClient", "NewListPager", ""},
	"Microsoft.Network/applicationSecurityGroups":              {"ApplicationSecurityGroupsClient", "NewListPager", "NewListAllPager"},
	"Microsoft.Network/loadBalancers":                          {"LoadBalancersClient", "NewListPager", "NewListAllPager"},
	"Microsoft.ContainerService/managedClusters":               {"ManagedClustersClient", "NewListByResourceGroupPager", "NewListPager"},
}

// route is the SDK's method for a request.
func route(r *http.Request) (string, error) {
	shape := shapeOf(r.URL.Path)
	if m, ok := routes[r.Method+" "+shape]; ok {
		return m, nil
	}
	inside, in := strings.CutPrefix(shape, "in ")
	one, single := strings.CutSuffix(inside, "/{}")
	c, known := collections[one]
	if !single {
		c, known = collections[inside]
	}
	if known {
		switch {
		case !single && r.Method == http.MethodGet && in:
			return c[0] + "." + c[1], nil
		case !single && r.Method == http.MethodGet && c[2] != "":
			return c[0] + "." + c[2], nil
		case single && in && methods[r.Method] != "":
			return c[0] + "." + methods[r.Method], nil
		}
	}
	return "", fault(http.StatusNotFound, "NoRegisteredProviderFound", "The lab has nothing for %s %s.", r.Method, r.URL.Path)
}

var methods = map[string]string{http.MethodGet: "Get", http.MethodPut: "BeginCreateOrUpdate", http.MethodPatch: "BeginUpdate", http.MethodDelete: "BeginDelete"}

// shapeOf is a path without its names.
func shapeOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] != "subscriptions" || len(parts) == 1 {
		return ""
	}
	if len(parts) == 2 {
		return "{}"
	}
	parts = parts[2:]
	in := ""
	if strings.EqualFold(parts[0], "resourceGroups") && len(parts) > 2 {
		in, parts = "in ", parts[2:]
	}
	if parts[0] != "providers" || len(parts) < 3 {
		return in + strings.Join(parts, "/")
	}
	parts = parts[1:]
	for i := 2; i < len(parts); i += 2 {
		if parts[i] != "vmimage" {
			parts[i] = "{}"
		}
	}
	return in + strings.Join(parts, "/")
}
