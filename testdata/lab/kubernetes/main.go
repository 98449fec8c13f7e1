// The command kubernetes is a Kubernetes control plane of one process and its
// children, for tests: the real etcd, kube-apiserver, kube-controller-manager
// and kube-scheduler in one program, and one node.
//
// The node is ours (node.go): it runs a container's command as a process of this
// machine, without isolation or images. Logs and commands in containers go
// through Kubernetes' own code for them.
//
//	kubernetes -addr 127.0.0.1:6443 -dir DIR
//
// It writes DIR/kubeconfig when it serves, with DIR/ca.crt, and has the tokens of
// an administrator and of one who may only look, given in the environment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	if len(os.Args) > 1 {
		switch name := os.Args[1]; name {
		case "apiserver", "controllers", "scheduler":
			os.Args = append([]string{"kube-" + name}, os.Args[2:]...)
			os.Exit(map[string]func() int{
				"apiserver":   func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
				"controllers": func() int { return cli.Run(controllers.NewControllerManagerCommand()) },
				"scheduler":   func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
			}[name]())
		}
	}
	addr := flag.String("addr", "127.0.0.1:6443", "where the API server listens")
	dir := flag.String("dir", ".", "for all that is written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *dir); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr, dir string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	authority, err := newAuthority(dir)
	if err != nil {
		return err
	}
	etcd, err := startEtcd(at("etcd"))
	if err != nil {
		return err
	}
	tokens := fmt.Sprintf("%s,admin,admin,system:masters\n%s,viewer,viewer,lab:viewers\n", os.Getenv("ADMIN_TOKEN"), os.Getenv("VIEWER_TOKEN"))
	if err := os.WriteFile(at("tokens.csv"), []byte(tokens), 0o600); err != nil {
		return err
	}
	server := "https://" + addr
	if err := authority.kubeconfig(at("admin.kubeconfig"), server); err != nil {
		return err
	}
	ended := make(chan error, 3)
	start := func(name string, args ...string) { go func() { ended <- child(name, args...) }() }
	start("apiserver", "--etcd-servers=http://"+etcd.Clients[0].Addr().String(),
		"--bind-address="+host, "--advertise-address=10.0.0.1", "--secure-port="+port,
		"--endpoint-reconciler-type=none", // it would be a loopback address, and those are none
		"--tls-cert-file="+at("server.crt"), "--tls-private-key-file="+at("server.key"), "--client-ca-file="+at("ca.crt"),
		"--token-auth-file="+at("tokens.csv"), "--authorization-mode=RBAC", "--anonymous-auth=false",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+at("client.key"), "--service-account-signing-key-file="+at("client.key"),
		// Pods have no service accounts here, and the one node is never tainted.
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--kubelet-certificate-authority="+at("ca.crt"), "--kubelet-client-certificate="+at("client.crt"), "--kubelet-client-key="+at("client.key"),
		"--kubelet-preferred-address-types=InternalIP", "--service-cluster-ip-range=10.96.0.0/16",
		"--enable-priority-and-fairness=false", "--profiling=false", "--v=1")
	client, err := connect(ctx, at("admin.kubeconfig"), ended)
	if err != nil {
		return err
	}
	start("controllers", "--kubeconfig="+at("admin.kubeconfig"), "--leader-elect=false", "--secure-port=0", "--use-service-account-credentials=false",
		"--controllers=deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,job-controller,"+
			"namespace-controller,garbage-collector-controller,clusterrole-aggregation-controller,endpointslice-controller,resourcequota-controller",
		"--kube-api-qps=1000", "--kube-api-burst=2000", "--v=1")
	start("scheduler", "--kubeconfig="+at("admin.kubeconfig"), "--leader-elect=false", "--secure-port=0",
		"--kube-api-qps=1000", "--kube-api-burst=2000", "--v=1")
	n, err := newNode(ctx, client, authority, at("pods"))
	if err != nil {
		return err
	}
	defer n.killAll()
	if err := viewers(ctx, client); err != nil {
		return err
	}
	// The last thing that appears: whoever sees it can begin.
	if err := os.Rename(at("admin.kubeconfig"), at("kubeconfig")); err != nil {
		return err
	}
	if err := os.Link(at("kubeconfig"), at("admin.kubeconfig")); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return fmt.Errorf("a part of the control plane ended: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// startEtcd starts etcd on a free port. Nothing needs to outlast the machine.
func startEtcd(dir string) (*embed.Etcd, error) {
	c := embed.NewConfig()
	c.Dir, c.LogLevel, c.UnsafeNoFsync = dir, "error", true
	local := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	c.ListenClientUrls, c.AdvertiseClientUrls = local, local
	c.ListenPeerUrls, c.AdvertisePeerUrls = local, local
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	e, err := embed.StartEtcd(c)
	if err != nil {
		return nil, err
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case err := <-e.Err():
		return nil, err
	case <-time.After(time.Minute):
		return nil, errors.New("etcd is not ready within a minute")
	}
}

// child runs this program as another part, which ends with this process. It
// returns when the part has ended.
func child(name string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the kernel ties the child to the thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command(self, append([]string{name}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args[1:2], " "), err)
	}
	return fmt.Errorf("%s: no error", name)
}
