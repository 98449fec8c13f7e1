package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const nodeName = "lab"

// A node stands for a kubelet. It runs what the scheduler gives to it.
type node struct {
	client kubernetes.Interface
	dir    string
	ips    atomic.Uint32

	mu   sync.Mutex
	pods map[types.UID]*runningPod
}

func newNode(ctx context.Context, client kubernetes.Interface, a *authority, dir string) (*node, error) {
	n := &node{client: client, dir: dir, pods: map[types.UID]*runningPod{}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	config, err := a.serving()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: n.handler(), TLSConfig: config}
	go server.ServeTLS(l, "", "")

	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"), corev1.ResourcePods: resource.MustParse("1000")}
	_, err = client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, Labels: map[string]string{corev1.LabelHostname: nodeName, corev1.LabelOSStable: "linux"}},
		Status: corev1.NodeStatus{Capacity: room, Allocatable: room,
			Conditions:      []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Lab", LastTransitionTime: metav1.Now()}},
			Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}, {Type: corev1.NodeHostName, Address: nodeName}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(l.Addr().(*net.TCPAddr).Port)}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	watch := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", "", fields.OneTermEqualSelector("spec.nodeName", nodeName))
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{ListerWatcher: watch, ObjectType: &corev1.Pod{}, Handler: cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.see(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { n.see(o.(*corev1.Pod)) },
		DeleteFunc: func(o any) {
			if p, ok := o.(*corev1.Pod); ok { // removed without grace
				n.forget(p.UID)
			}
		},
	}})
	go informer.Run(ctx.Done())
	return n, nil
}

// see is told what a pod shall be.
func (n *node) see(p *corev1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.pods[p.UID]
	if r == nil {
		if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			return
		}
		i := n.ips.Add(1)
		r = &runningPod{node: n, pod: p.DeepCopy(), ip: fmt.Sprintf("10.88.%d.%d", i/250, i%250+2), dir: filepath.Join(n.dir, string(p.UID)),
			stop: make(chan int64, 16), gone: make(chan struct{})}
		n.pods[p.UID] = r
		go r.run()
	}
	if p.DeletionTimestamp != nil {
		grace := int64(0)
		if p.DeletionGracePeriodSeconds != nil {
			grace = *p.DeletionGracePeriodSeconds
		}
		select {
		case r.stop <- grace:
		default:
		}
	}
}

func (n *node) forget(uid types.UID) {
	n.mu.Lock()
	r := n.pods[uid]
	delete(n.pods, uid)
	n.mu.Unlock()
	if r != nil {
		select {
		case r.stop <- 0:
		default:
		}
	}
}

func (n *node) find(namespace, name string) *runningPod {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.pods {
		if r.pod.Namespace == namespace && r.pod.Name == name {
			return r
		}
	}
	return nil
}

// killAll ends all processes of all pods at once.
func (n *node) killAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.pods {
		r.kill()
	}
}

// report writes a pod's status.
func (n *node) report(r *runningPod, status corev1.PodStatus) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 10 {
		p, err := n.client.CoreV1().Pods(r.pod.Namespace).Get(ctx, r.pod.Name, metav1.GetOptions{})
		if err != nil || p.UID != r.pod.UID {
			return // it is gone
		}
		status.ObservedGeneration, status.QOSClass = p.Generation, p.Status.QOSClass
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue})
		p.Status = status
		if _, err = n.client.CoreV1().Pods(p.Namespace).UpdateStatus(ctx, p, metav1.UpdateOptions{}); err == nil {
			return
		}
		status.Conditions = status.Conditions[:len(status.Conditions)-1]
	}
}

// remove tells the API server that nothing of a deleted pod is left.
func (n *node) remove(r *runningPod) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	zero := int64(0)
	n.client.CoreV1().Pods(r.pod.Namespace).Delete(ctx, r.pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero, Preconditions: &metav1.Preconditions{UID: &r.pod.UID}})
	os.RemoveAll(r.dir)
}
