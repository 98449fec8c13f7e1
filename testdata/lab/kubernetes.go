package lab

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A KubernetesCluster is a Kubernetes API server with all that it needs, and
// how to get in.
type KubernetesCluster struct {
	Endpoint   string
	CA         string // a file of PEM
	Token      string // of an administrator
	Viewer     string // a token that may look at everything that is no secret
	Kubeconfig string // with the contexts "lab", and "elsewhere" in the namespace kube-public
	Image      string // an image that "pulls" and runs; others do not
}

// Kubernetes starts Kubernetes: the real etcd, kube-apiserver,
// kube-controller-manager (of its controllers those of workloads, namespaces,
// services, quotas and roles, and the garbage collector) and kube-scheduler.
//
// Its one node is ours: instead of a container it runs the command as a process
// of this machine, whatever the image, with its environment but without mounts,
// limits and a network of its own. Probes are commands, for readiness. Logs and
// exec go through Kubernetes' own code, from the node to the client. Pods have
// addresses, at which nobody listens, and no service accounts.
func Kubernetes(t testing.TB) KubernetesCluster {
	t.Helper()
	p := kubernetes.start(t)
	t.Cleanup(func() { // before it is killed: it ends the pods' processes
		p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
		}
	})
	return KubernetesCluster{Endpoint: "https://" + p.addr, CA: filepath.Join(p.dir, "ca.crt"), Token: p.secret, Viewer: viewerToken(p),
		Kubeconfig: filepath.Join(p.dir, "kubeconfig"), Image: "registry.lab/shell:1"}
}

func viewerToken(p *process) string { return "viewer-" + p.secret }

var kubernetes = &server{
	name: "kubernetes",
	// The number after the release counts changes of the program.
	version: "v1.37.2-1",

	// It is a module of its own, in the folder of that name: a program of ours
	// around the parts.
	install: func(home string) error {
		_, here, _, ok := runtime.Caller(0)
		if !ok || !filepath.IsAbs(here) {
			return errors.New("the folder testdata/lab/kubernetes is not to be found: build without -trimpath")
		}
		return run(filepath.Join(filepath.Dir(here), "kubernetes"), []string{"GOFLAGS=-mod=readonly -buildvcs=false", "GOWORK=off"},
			"go", "build", "-ldflags=-s -w", "-o", filepath.Join(home, "kubernetes"), ".")
	},

	command: func(home string, p *process) *exec.Cmd {
		cmd := exec.Command(filepath.Join(home, "kubernetes"), "-addr", p.addr, "-dir", p.dir)
		cmd.Env = append(os.Environ(), "ADMIN_TOKEN="+p.secret, "VIEWER_TOKEN="+viewerToken(p))
		return cmd
	},

	// The kubeconfig is the last thing that it writes.
	ready: func(p *process) error {
		_, err := os.Stat(filepath.Join(p.dir, "kubeconfig"))
		return err
	},
}

// Behind is the API server behind another, as providers put a proxy of theirs
// in front: it lets in who has the token, as the administrator.
func (k KubernetesCluster) Behind(t testing.TB, token string) http.Handler {
	t.Helper()
	pem, err := os.ReadFile(k.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	target, err := url.Parse(k.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("Authorization", "Bearer "+k.Token)
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); given != token {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized", "reason": "Unauthorized", "code": 401}`)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}
