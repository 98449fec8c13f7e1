package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"runtime"
	"time"

	corev1 "k8s.io/api/core/v1"
	criapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	utilexec "k8s.io/utils/exec"
)

// handler serves what API servers ask of kubelets: logs and commands. What is
// said on the wire is Kubernetes' own code.
func (n *node) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.logs)
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", n.exec)
	return mux
}

// wanted is the pod that a request is about; nil if there is none, which is said.
func (n *node) wanted(w http.ResponseWriter, r *http.Request) *runningPod {
	p := n.find(r.PathValue("namespace"), r.PathValue("pod"))
	if p == nil {
		http.Error(w, fmt.Sprintf("pod %q does not exist", r.PathValue("pod")), http.StatusNotFound)
		return nil
	}
	if p.main().Name != r.PathValue("container") {
		http.Error(w, fmt.Sprintf("container %q not found in pod %q", r.PathValue("container"), p.pod.Name), http.StatusNotFound)
		return nil
	}
	return p
}

func (n *node) logs(w http.ResponseWriter, r *http.Request) {
	p := n.wanted(w, r)
	if p == nil {
		return
	}
	var o corev1.PodLogOptions
	if err := legacyscheme.ParameterCodec.DecodeParameters(r.URL.Query(), corev1.SchemeGroupVersion, &o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	file := p.log
	p.mu.Unlock()
	if file == "" {
		http.Error(w, fmt.Sprintf("container %q in pod %q is waiting to start: trying and failing to pull image", p.main().Name, p.pod.Name), http.StatusBadRequest)
		return
	}
	w.Header().Set("Transfer-Encoding", "chunked")
	out := flusher{w}
	if err := logs.ReadLogs(r.Context(), file, file, logOptions(&o), runState{pod: p}, out, out); err != nil && r.Context().Err() == nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// logOptions are the options as who reads logs takes them.
func logOptions(o *corev1.PodLogOptions) *logs.LogOptions {
	out := &logs.LogOptions{TailLines: o.TailLines, LimitBytes: o.LimitBytes, Follow: o.Follow, Timestamp: o.Timestamps}
	switch {
	case o.SinceTime != nil:
		out.Since = o.SinceTime.Time
	case o.SinceSeconds != nil:
		out.Since = time.Now().Add(-time.Duration(*o.SinceSeconds) * time.Second)
	}
	return out
}

// A flusher hands on at once what is written.
type flusher struct{ w http.ResponseWriter }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	http.NewResponseController(f.w).Flush()
	return n, err
}

// runState tells who follows a log whether the run that writes it goes on. It is
// asked for nothing else.
type runState struct {
	criapi.RuntimeService
	pod *runningPod
}

func (s runState) ContainerStatus(_ context.Context, file string, _ bool) (*runtimeapi.ContainerStatusResponse, error) {
	state := runtimeapi.ContainerState_CONTAINER_EXITED
	s.pod.mu.Lock()
	if s.pod.log == file && s.pod.group != 0 {
		state = runtimeapi.ContainerState_CONTAINER_RUNNING
	}
	s.pod.mu.Unlock()
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{State: state}}, nil
}

func (n *node) exec(w http.ResponseWriter, r *http.Request) {
	p := n.wanted(w, r)
	if p == nil {
		return
	}
	o, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, executor{p}, p.pod.Name, string(p.pod.UID), p.main().Name, r.Form["command"], o,
		4*time.Hour, 30*time.Second, remotecommand.SupportedStreamingProtocols)
}

// An executor runs commands in a pod.
type executor struct{ pod *runningPod }

func (e executor) ExecInContainer(ctx context.Context, _, _, _ string, args []string, in io.Reader, out, errs io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	e.pod.mu.Lock()
	running := e.pod.group != 0
	e.pod.mu.Unlock()
	if !running {
		return fmt.Errorf("container %s is not running", e.pod.main().Name)
	}
	cmd := e.pod.command(args)
	if out != nil {
		cmd.Stdout = out
	}
	if errs != nil {
		cmd.Stderr = errs
	}
	if in != nil {
		pipe, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			defer pipe.Close()
			io.Copy(pipe, in)
		}()
	}
	runtime.LockOSThread() // the kernel ties the process to the thread
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		// In the words of runc, which containerd and CRI-O hand on.
		return fmt.Errorf("OCI runtime exec failed: exec failed: unable to start container process: %w: unknown", err)
	}
	err := cmd.Wait()
	if exit, ok := err.(*exec.ExitError); ok {
		return &utilexec.ExitErrorWrapper{ExitError: exit}
	}
	return err
}
