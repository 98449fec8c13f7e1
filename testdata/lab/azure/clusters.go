package azure

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
)

// ClusterToken is the token that a cluster's own users have.
const ClusterToken = "token-of-the-cluster"

// Kubernetes has all clusters be one and the same, whose API server is handler:
// with [ClusterToken], or for clusters with Entra ID a token of its.
func (s *Server) Kubernetes(handler http.Handler) {
	web := httptest.NewTLSServer(handler)
	s.t.Cleanup(web.Close)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kubernetes = web
}

const clusterType = "Microsoft.ContainerService/managedClusters"

func (s *Server) clusters() {
	f := &s.containers.ManagedClustersServer
	f.BeginCreateOrUpdate = func(_ context.Context, group, name string, c armcontainerservice.ManagedCluster, _ *armcontainerservice.ManagedClustersClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armcontainerservice.ManagedClustersClientCreateOrUpdateResponse], azfake.ErrorResponder) {
		status, err := s.makeCluster(path(group, clusterType, name), &c)
		return accepted(status, armcontainerservice.ManagedClustersClientCreateOrUpdateResponse{ManagedCluster: c}, err)
	}
	f.Get = func(_ context.Context, group, name string, _ *armcontainerservice.ManagedClustersClientGetOptions) (azfake.Responder[armcontainerservice.ManagedClustersClientGetResponse], azfake.ErrorResponder) {
		c, err := find[armcontainerservice.ManagedCluster](s, path(group, clusterType, name))
		return answer(http.StatusOK, armcontainerservice.ManagedClustersClientGetResponse{ManagedCluster: value(c)}, err)
	}
	f.NewListByResourceGroupPager = func(group string, _ *armcontainerservice.ManagedClustersClientListByResourceGroupOptions) azfake.PagerResponder[armcontainerservice.ManagedClustersClientListByResourceGroupResponse] {
		list, next := paged(s, every[armcontainerservice.ManagedCluster](s, group))
		return onePage(armcontainerservice.ManagedClustersClientListByResourceGroupResponse{ManagedClusterListResult: armcontainerservice.ManagedClusterListResult{Value: list, NextLink: next}})
	}
	f.NewListPager = func(*armcontainerservice.ManagedClustersClientListOptions) azfake.PagerResponder[armcontainerservice.ManagedClustersClientListResponse] {
		list, next := paged(s, every[armcontainerservice.ManagedCluster](s, ""))
		return onePage(armcontainerservice.ManagedClustersClientListResponse{ManagedClusterListResult: armcontainerservice.ManagedClusterListResult{Value: list, NextLink: next}})
	}
	f.BeginDelete = func(_ context.Context, group, name string, _ *armcontainerservice.ManagedClustersClientBeginDeleteOptions) (azfake.PollerResponder[armcontainerservice.ManagedClustersClientDeleteResponse], azfake.ErrorResponder) {
		status, err := s.removal(path(group, clusterType, name), nil, nil)
		return accepted(status, armcontainerservice.ManagedClustersClientDeleteResponse{}, err)
	}
	f.ListClusterUserCredentials = func(_ context.Context, group, name string, o *armcontainerservice.ManagedClustersClientListClusterUserCredentialsOptions) (azfake.Responder[armcontainerservice.ManagedClustersClientListClusterUserCredentialsResponse], azfake.ErrorResponder) {
		found, err := s.credentials(group, name, func(c *armcontainerservice.ManagedCluster) string {
			if c.Properties.AADProfile == nil {
				return "token: " + ClusterToken
			}
			if value(o.Format) != armcontainerservice.FormatExec {
				return "auth-provider: {name: azure}"
			}
			return "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: kubelogin, interactiveMode: IfAvailable, provideClusterInfo: false, " +
				"args: [get-token, --environment, AzurePublicCloud, --server-id, 6dae42f8-4368-4678-94ff-3960e28e3630, --client-id, 80faf920-1908-4b52-b5ef-a8e7bedfc67a]}"
		})
		return answer(http.StatusOK, armcontainerservice.ManagedClustersClientListClusterUserCredentialsResponse{CredentialResults: found}, err)
	}
	f.ListClusterAdminCredentials = func(_ context.Context, group, name string, _ *armcontainerservice.ManagedClustersClientListClusterAdminCredentialsOptions) (azfake.Responder[armcontainerservice.ManagedClustersClientListClusterAdminCredentialsResponse], azfake.ErrorResponder) {
		found, err := s.credentials(group, name, func(*armcontainerservice.ManagedCluster) string { return "token: " + ClusterToken })
		return answer(http.StatusOK, armcontainerservice.ManagedClustersClientListClusterAdminCredentialsResponse{CredentialResults: found}, err)
	}
}

// makeCluster holds a cluster to what Azure wants of one.
func (s *Server) makeCluster(p string, c *armcontainerservice.ManagedCluster) (int, error) {
	if err := known(c.Location); err != nil {
		return 0, err
	}
	f := c.Properties
	switch {
	case c.Identity == nil:
		return 0, fault(http.StatusBadRequest, "InvalidParameter", "Provisioning of resource(s) for Azure Container Service failed: neither identity nor service principal is specified.")
	case value(f.DNSPrefix) == "" || strings.ContainsAny(*f.DNSPrefix, "_.") || len(*f.DNSPrefix) > 54:
		return 0, fault(http.StatusBadRequest, "InvalidParameter", "The value of parameter dnsPrefix is invalid.")
	case f.KubernetesVersion != nil && !strings.HasPrefix(*f.KubernetesVersion, "1."):
		return 0, fault(http.StatusBadRequest, "K8sVersionNotSupported", "Managed cluster is on version %s, which is not supported in this region.", *f.KubernetesVersion)
	case len(f.AgentPoolProfiles) == 0 || value(f.AgentPoolProfiles[0].Mode) != armcontainerservice.AgentPoolModeSystem:
		return 0, fault(http.StatusBadRequest, "InvalidParameter", "There must be a system agent pool.")
	}
	for _, pool := range f.AgentPoolProfiles {
		if value(pool.Count) < 1 || value(pool.Count) > 1000 {
			return 0, fault(http.StatusBadRequest, "InvalidParameter", "The value of parameter agentPoolProfile.count is invalid.")
		}
		if pool.VMSize == nil {
			pool.VMSize = pointer("Standard_D2s_v5")
		}
		if pool.VnetSubnetID != nil {
			if _, _, err := s.subnetOf(*pool.VnetSubnetID); err != nil {
				return 0, err
			}
		}
	}
	if c.SKU == nil {
		c.SKU = &armcontainerservice.ManagedClusterSKU{Name: pointer(armcontainerservice.ManagedClusterSKUNameBase), Tier: pointer(armcontainerservice.ManagedClusterSKUTierFree)}
	}
	if f.KubernetesVersion == nil {
		f.KubernetesVersion = pointer("1.33")
	}
	f.NodeResourceGroup = pointer(fmt.Sprintf("MC_%s_%s_%s", Group, p[strings.LastIndex(p, "/")+1:], *c.Location))
	f.PowerState = &armcontainerservice.PowerState{Code: pointer(armcontainerservice.CodeRunning)}
	c.SystemData = &armcontainerservice.SystemData{CreatedAt: pointer(time.Now())}
	return s.settle(p, clusterType, c, func() {
		f.CurrentKubernetesVersion = pointer(*f.KubernetesVersion + ".2")
		if s.kubernetes != nil {
			f.Fqdn = pointer(s.kubernetes.Listener.Addr().String())
		}
	}), nil
}

// credentials are a file for kubectl, whose user is as user says.
func (s *Server) credentials(group, name string, user func(*armcontainerservice.ManagedCluster) string) (armcontainerservice.CredentialResults, error) {
	var none armcontainerservice.CredentialResults
	c, err := find[armcontainerservice.ManagedCluster](s, path(group, clusterType, name))
	if err != nil {
		return none, err
	}
	if value(c.Properties.ProvisioningState) == "Creating" {
		return none, fault(http.StatusConflict, "OperationNotAllowed", "The cluster %s is being created.", name)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.kubernetes.Certificate().Raw})
	file := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: %[1]s, cluster: {server: "https://%[2]s", certificate-authority-data: %[3]s}}]
contexts: [{name: %[1]s, context: {cluster: %[1]s, user: someone}}]
current-context: %[1]s
users: [{name: someone, user: {%[4]s}}]
`, name, s.kubernetes.Listener.Addr(), base64.StdEncoding.EncodeToString(certificate), user(c))
	return armcontainerservice.CredentialResults{Kubeconfigs: []*armcontainerservice.CredentialResult{{Name: pointer("clusterUser"), Value: []byte(file)}}}, nil
}

// Stop stops a cluster, as its owner may.
func (s *Server) Stop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := find[armcontainerservice.ManagedCluster](s, path(Group, clusterType, name))
	if err != nil {
		s.t.Fatal(err)
	}
	c.Properties.PowerState.Code = pointer(armcontainerservice.CodeStopped)
}
