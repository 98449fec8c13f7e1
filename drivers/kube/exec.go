package kube

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// ExecContainer runs a command in one of the pods that run, a ready one if there is one.
func (w Workloads) ExecContainer(ctx context.Context, in container.ExecContainer) (container.ExecResult, error) {
	none := container.ExecResult{}
	api, r, err := w.find(ctx, in.Container)
	if err != nil {
		return none, err
	}
	load, err := api.get(ctx, r)
	if err != nil {
		return none, err
	}
	pods, err := api.pods(ctx, r, load)
	if err != nil {
		return none, err
	}
	p := running(pods)
	if p == nil {
		return none, op.Errorf(op.Conflict, "%s %s/%s has no pod that runs: it is %s", load.kind, r.namespace, r.name, load.state)
	}
	command, err := withEnvironment(in.Command, in.Environment)
	if err != nil {
		return none, err
	}
	query := url.Values{"container": {mainContainer(p)}, "command": command, "stdout": {"true"}, "stderr": {"true"}}
	var stdout, stderr bytes.Buffer
	streams := remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr}
	if in.Input != "" {
		query.Set("stdin", "true")
		streams.Stdin = strings.NewReader(in.Input)
	}
	e, err := api.executor(api.url(pod.path(p.Namespace, p.Name)+"/exec", query))
	if err != nil {
		return none, op.Errorf(op.Internal, "%w", err)
	}
	err = e.StreamWithContext(ctx, streams)
	result := container.ExecResult{Stdout: stdout.String(), Stderr: stderr.String()}
	if status, ok := errors.AsType[exec.CodeExitError](err); ok {
		result.ExitCode, err = status.Code, nil
	}
	if err != nil {
		return none, execFailure(ctx, err)
	}
	return result, nil
}

// executor speaks WebSocket, and SPDY to who does not.
func (a *API) executor(u *url.URL) (remotecommand.Executor, error) {
	ws, err := remotecommand.NewWebSocketExecutor(a.config, http.MethodGet, u.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(a.config, http.MethodPost, u)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(ws, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}

func running(pods []corev1.Pod) *corev1.Pod {
	var found *corev1.Pod
	for i := range pods {
		p := &pods[i]
		if p.DeletionTimestamp != nil || p.Status.Phase != corev1.PodRunning {
			continue
		}
		if podReady(p) {
			return p
		}
		if found == nil {
			found = p
		}
	}
	return found
}

// withEnvironment has the program env set the environment, as Kubernetes has
// nothing for it.
func withEnvironment(command []string, environment map[string]string) ([]string, error) {
	if len(environment) == 0 || len(command) == 0 {
		return command, nil
	}
	if strings.Contains(command[0], "=") {
		return nil, op.Errorf(op.InvalidArgument, "command: %q would be taken for a variable: give no environment, or start it with a shell", command[0])
	}
	out := []string{"env"}
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		out = append(out, name+"="+environment[name])
	}
	return append(out, command...), nil
}

// noProgram are the words in which container runtimes say that there is no such program.
var noProgram = regexp.MustCompile(`executable file not found|no such file or directory|permission denied: unknown`)

func execFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if noProgram.MatchString(err.Error()) {
		return op.Errorf(op.InvalidArgument, "command: %w", err)
	}
	if s, ok := errors.AsType[*apierrors.StatusError](err); ok { // refused before it began
		status := s.ErrStatus
		return explain(&op.Error{}, &status, int(status.Code))
	}
	return failure(err)
}
