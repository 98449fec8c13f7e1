package kubernetes

import (
	"maps"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// TestKubernetes is everything that needs a real API server: it is there once.
func TestKubernetes(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane is heavy")
	}
	k := lab.Kubernetes(t)
	t.Run("Conformance", func(t *testing.T) { drivertest.Container(t, harness(k)) })
	c := &cluster{KubernetesCluster: k}
	for name, test := range map[string]func(*testing.T){
		"credentials": c.credentials, "contexts": c.contexts, "permission": c.permission, "quota": c.quota,
		"image": c.image, "crash": c.crash, "readiness": c.readiness, "job": c.job, "service": c.service, "taken back": c.takenBack,
		"stop and start": c.stopAndStart, "logs of replicas": c.logsOfReplicas, "follow a restart": c.followRestart,
		"other kinds": c.otherKinds, "apply": c.apply, "native": c.native, "confined": c.confined,
	} {
		t.Run(name, test)
	}
}

func harness(k lab.KubernetesCluster) drivertest.Harness {
	return drivertest.Harness{
		Open: func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
			t.Helper()
			config := map[string]any{"kubeconfig": k.Kubeconfig}
			maps.Copy(config, over)
			c, err := Provider().Open(t.Context(), "kubernetes", config, chain...)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		SmallPages: map[string]any{"page_size": 2}, PageSize: 2,
		Lacks: map[string]string{"log_line.stream": "Kubernetes writes what a container wrote into one log",
			"list_clusters.location": "namespaces are nowhere"},
		PlainTags: true, UniqueNames: true,
		Native:       native.Call{Operation: "GET /api/v1/nodes"},
		NativePages:  native.Call{Operation: "GET /api/v1/namespaces", Arguments: map[string]any{"query": map[string]any{"limit": 2}}},
		NativeChange: "POST /api/v1/namespaces",
		Image:        k.Image, Runs: true,
		Deviations: map[string]string{
			"refused/no_such_image":      "Kubernetes looks for an image when a pod starts: the container is in state error then, which the test \"image\" looks at",
			"not_found/deploy_container": "as refused/no_such_image",
		},
	}
}
