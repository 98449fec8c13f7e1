package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// images are what can be "pulled": there are none, but what is called so runs.
const images = "registry.lab/shell"

// A runningPod runs one container: the first, as a process of this machine.
type runningPod struct {
	node *node
	pod  *corev1.Pod
	ip   string
	dir  string
	stop chan int64    // that it shall end, within so many seconds
	gone chan struct{} // closed when it has ended for good

	mu       sync.Mutex
	group    int // the process group that runs; 0 if none does
	restarts int32
	started  time.Time
	log      string // the file of the run at hand
}

func (r *runningPod) main() corev1.Container { return r.pod.Spec.Containers[0] }

// run runs the pod until it has ended for good.
func (r *runningPod) run() {
	defer close(r.gone)
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		r.report(corev1.PodPending, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerError", Message: err.Error()}}, false)
		r.untilStopped()
		return
	}
	if image := r.main().Image; image != images && !strings.HasPrefix(image, images+":") {
		r.report(corev1.PodPending, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull",
			Message: fmt.Sprintf("failed to pull image %q: not found", image)}}, false)
		r.untilStopped()
		return
	}
	for {
		code, reason, stopped := r.once()
		ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: int32(code), Reason: reason,
			StartedAt: metav1.NewTime(r.started), FinishedAt: metav1.Now()}}
		policy := r.pod.Spec.RestartPolicy
		switch {
		case stopped || policy == corev1.RestartPolicyNever || policy == corev1.RestartPolicyOnFailure && code == 0:
			phase := corev1.PodSucceeded
			if code != 0 {
				phase = corev1.PodFailed
			}
			r.report(phase, ended, false)
			if stopped {
				r.node.remove(r)
				return
			}
			r.untilStopped()
			return
		}
		r.report(corev1.PodRunning, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff",
			Message: fmt.Sprintf("back-off restarting container %s: it ended with %d", r.main().Name, code)}}, false)
		select {
		case <-r.stop:
			r.node.remove(r)
			return
		case <-time.After(time.Second << min(r.restarts, 5)):
		}
		r.restarts++
	}
}

func (r *runningPod) untilStopped() {
	<-r.stop
	r.node.remove(r)
}

// once runs the container's program until it ends.
func (r *runningPod) once() (code int, reason string, stopped bool) {
	c := r.main()
	args := append(append([]string{}, c.Command...), c.Args...)
	if len(args) == 0 {
		args = []string{"sleep", "infinity"} // what the image runs
	}
	r.mu.Lock()
	r.log, r.started = filepath.Join(r.dir, fmt.Sprintf("%d.log", r.restarts)), time.Now()
	r.mu.Unlock()
	logs, err := os.Create(r.log)
	if err != nil {
		return 128, "ContainerCannotRun", false
	}
	defer logs.Close()
	w := &logWriter{file: logs}
	cmd := r.command(args)
	cmd.Stdout, cmd.Stderr = w.stream("stdout"), w.stream("stderr")
	done := make(chan error, 1)
	begun := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel ties the process to the thread
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			err = cmd.Wait()
			w.flush()
			done <- err
		}
	}()
	if err := <-begun; err != nil {
		return 128, "StartError", false
	}
	r.mu.Lock()
	r.group = cmd.Process.Pid
	r.mu.Unlock()
	ready, probing := context.WithCancel(context.Background())
	go r.probe(ready)
	defer func() {
		probing()
		r.kill() // what it left behind
		r.mu.Lock()
		r.group = 0
		r.mu.Unlock()
	}()
	var deadline <-chan time.Time
	for {
		select {
		case err := <-done:
			var exit *exec.ExitError
			switch {
			case err == nil || errors.Is(err, exec.ErrWaitDelay):
				return 0, "Completed", stopped
			case errors.As(err, &exit) && exit.Exited():
				return exit.ExitCode(), "Error", stopped
			case errors.As(err, &exit):
				return 128 + int(exit.Sys().(syscall.WaitStatus).Signal()), "Error", stopped
			}
			return 128, "Error", stopped
		case grace := <-r.stop:
			if !stopped {
				probing()
				syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			}
			stopped = true
			deadline = time.After(time.Duration(grace) * time.Second)
		case <-deadline:
			r.kill()
		}
	}
}

// command is a command in the container. Its processes are a group.
func (r *runningPod) command(args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = r.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "HOSTNAME=" + r.pod.Name}
	for _, e := range r.main().Env {
		if e.ValueFrom == nil {
			cmd.Env = append(cmd.Env, e.Name+"="+strings.ReplaceAll(e.Value, "$$(", "$("))
		}
	}
	for i := range cmd.Args {
		cmd.Args[i] = strings.ReplaceAll(cmd.Args[i], "$$(", "$(")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	return cmd
}

func (r *runningPod) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.group != 0 {
		syscall.Kill(-r.group, syscall.SIGKILL)
	}
}

// probe says that the pod runs; and that it is ready when the command of its
// readiness probe succeeds, at once if it has none. There are no others.
func (r *runningPod) probe(ctx context.Context) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(r.started)}}
	p := r.main().ReadinessProbe
	if p == nil || p.Exec == nil {
		r.report(corev1.PodRunning, running, true)
		return
	}
	was := true
	for ctx.Err() == nil {
		cmd := r.command(p.Exec.Command)
		is := cmd.Run() == nil
		if is != was {
			r.report(corev1.PodRunning, running, is)
			was = is
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(max(1, p.PeriodSeconds)) * time.Second):
		}
	}
}

func (r *runningPod) report(phase corev1.PodPhase, state corev1.ContainerState, ready bool) {
	yes, no := corev1.ConditionTrue, corev1.ConditionFalse
	is := no
	if ready {
		is = yes
	}
	now := metav1.Now()
	started := state.Running != nil
	s := corev1.PodStatus{Phase: phase, HostIP: "127.0.0.1", HostIPs: []corev1.HostIP{{IP: "127.0.0.1"}}, StartTime: &now,
		Conditions: []corev1.PodCondition{{Type: corev1.PodInitialized, Status: yes, LastTransitionTime: now},
			{Type: corev1.PodReady, Status: is, LastTransitionTime: now}, {Type: corev1.ContainersReady, Status: is, LastTransitionTime: now}},
		ContainerStatuses: []corev1.ContainerStatus{{Name: r.main().Name, Image: r.main().Image, ImageID: images, State: state, Ready: ready,
			Started: &started, RestartCount: r.restarts, ContainerID: "lab://" + string(r.pod.UID)}}}
	if phase != corev1.PodPending {
		s.PodIP, s.PodIPs = r.ip, []corev1.PodIP{{IP: r.ip}}
	}
	r.node.report(r, s)
}

// A logWriter writes lines as container runtimes do (CRI).
type logWriter struct {
	mu    sync.Mutex
	file  *os.File
	pipes []*lines
}

// lines is one stream of a log.
type lines struct {
	log    *logWriter
	name   string
	behind []byte
}

func (w *logWriter) stream(name string) io.Writer {
	l := &lines{log: w, name: name}
	w.pipes = append(w.pipes, l)
	return l
}

func (l *lines) Write(p []byte) (int, error) {
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	l.behind = append(l.behind, p...)
	for {
		n, line, _ := bufio.ScanLines(l.behind, false)
		if n == 0 {
			return len(p), nil
		}
		l.write(line)
		l.behind = l.behind[n:]
	}
}

func (l *lines) write(line []byte) {
	fmt.Fprintf(l.log.file, "%s %s F %s\n", time.Now().UTC().Format(time.RFC3339Nano), l.name, line)
}

func (w *logWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.pipes {
		if len(l.behind) > 0 {
			l.write(l.behind)
			l.behind = nil
		}
	}
}
