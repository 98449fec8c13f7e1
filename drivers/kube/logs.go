package kube

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// GetContainerLogs reads what all of a workload's pods wrote, in the order of
// time. Kubernetes does not tell standard output and standard error apart.
//
// Following it, what is there comes first, then what is written, by pods too
// that come later, until the workload has ended or is stopped.
func (w Workloads) GetContainerLogs(ctx context.Context, in container.GetContainerLogs) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		api, r, err := w.find(ctx, in.Container)
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		tail, err := in.Last()
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		load, err := api.get(ctx, r)
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		pods, err := api.pods(ctx, r, load)
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		logs := podLogs{api: api, seen: map[string]time.Time{}}
		for line, err := range logs.written(ctx, pods, tail) {
			if !yield(line, err) || err != nil {
				return
			}
		}
		if !in.Follow {
			return
		}
		for line, err := range logs.follow(ctx, r) {
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// podLogs are the logs of a workload's pods.
type podLogs struct {
	api  *API
	seen map[string]time.Time // the time of the last line of each run of a pod
}

// runOf names one run of a pod's container (one that starts again is another),
// and tells whether it has begun.
func runOf(p *corev1.Pod) (key string, started bool) {
	name := mainContainer(p)
	for _, s := range p.Status.ContainerStatuses {
		if s.Name == name {
			return string(p.UID) + "/" + strconv.Itoa(int(s.RestartCount)), s.State.Running != nil || s.State.Terminated != nil
		}
	}
	return string(p.UID), false
}

// written yields what there is, or where tail is not negative only so many lines,
// the last of all pods together, which are among the last of each.
func (l *podLogs) written(ctx context.Context, pods []corev1.Pod, tail int) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		var sources []*lineSource
		defer func() {
			for _, s := range sources {
				s.close()
			}
		}()
		for _, p := range pods {
			key, started := runOf(&p)
			if !started {
				continue
			}
			s, err := l.open(ctx, &p, key, time.Time{}, tail, false)
			if err == nil {
				sources = append(sources, s)
				err = s.advance()
			}
			if err != nil && !gone(err) {
				yield(container.LogLine{}, err)
				return
			}
		}
		var last []container.LogLine
		for {
			s := earliest(sources)
			if s == nil {
				break
			}
			line := s.line
			l.seen[s.key] = line.Time
			if err := s.advance(); err != nil {
				yield(container.LogLine{}, err)
				return
			}
			switch {
			case tail < 0:
				if !yield(line, nil) {
					return
				}
			case tail == 0:
			case len(last) == tail:
				last = append(last[1:], line)
			default:
				last = append(last, line)
			}
		}
		for _, line := range last {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// earliest is the source whose next line was written first; nil if none has one.
func earliest(sources []*lineSource) *lineSource {
	var first *lineSource
	for _, s := range sources {
		if !s.done && (first == nil || s.line.Time.Before(first.line.Time)) {
			first = s
		}
	}
	return first
}

// gone reports that a pod went while its log was asked for, or has none yet.
func gone(err error) bool {
	kind := op.KindOf(err)
	return kind == op.NotFound || kind == op.InvalidArgument && strings.Contains(err.Error(), "is waiting to start")
}

// look is how long a follower waits before it looks for new pods.
const look = 2 * time.Second

// follow yields what is written from now on.
func (l *podLogs) follow(ctx context.Context, r ref) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var readers sync.WaitGroup
		defer readers.Wait()
		defer cancel()
		type read struct {
			key  string
			line container.LogLine
			err  error
			end  bool
		}
		lines := make(chan read)
		send := func(v read) bool {
			select {
			case lines <- v:
				return true
			case <-ctx.Done():
				return false
			}
		}
		reading := map[string]bool{} // by run: whether it is still read
		begin := func(p corev1.Pod, key string) {
			reading[key] = true
			since := l.seen[key]
			readers.Go(func() {
				s, err := l.open(ctx, &p, key, since, -1, true)
				if err == nil {
					defer s.close()
				}
				for err == nil {
					if err = s.advance(); err != nil || s.done {
						break
					}
					if s.line.Time.After(since) && !send(read{key: key, line: s.line}) {
						return
					}
				}
				send(read{key: key, err: err, end: true})
			})
		}
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				yield(container.LogLine{}, ctx.Err())
				return
			case v := <-lines:
				switch {
				case !v.end:
					if !yield(v.line, nil) {
						return
					}
				case v.err != nil && !gone(v.err) && ctx.Err() == nil:
					yield(container.LogLine{}, v.err)
					return
				case gone(v.err):
					delete(reading, v.key) // it may yet have one
					timer.Reset(look)
				default:
					reading[v.key] = false
					timer.Reset(0)
				}
			case <-timer.C:
				load, err := l.api.get(ctx, r)
				if op.KindOf(err) == op.NotFound {
					load, err = workload{state: container.Terminated}, nil
				}
				var pods []corev1.Pod
				if err == nil && load.state != container.Terminated {
					pods, err = l.api.pods(ctx, r, load)
				}
				if err != nil {
					yield(container.LogLine{}, err)
					return
				}
				for _, p := range pods {
					key, started := runOf(&p)
					if _, known := reading[key]; started && !known {
						begin(p, key)
					}
				}
				busy := false
				for _, open := range reading {
					busy = busy || open
				}
				if !busy && (load.state == container.Stopped || load.state == container.Terminated) {
					return
				}
				timer.Reset(look)
			}
		}
	}
}

// A lineSource is one log, read line by line.
type lineSource struct {
	key    string
	body   io.ReadCloser
	reader *bufio.Reader
	line   container.LogLine
	done   bool
}

// open asks for a pod's log. since is the time of a line that is known; the API
// has whole seconds, so some that are known come again. Where tail is not negative it
// is how many of the last lines are read, but one at least, which tells where the log is.
func (l *podLogs) open(ctx context.Context, p *corev1.Pod, key string, since time.Time, tail int, follow bool) (*lineSource, error) {
	query := url.Values{"container": {mainContainer(p)}, "timestamps": {"true"}}
	if follow {
		query.Set("follow", "true")
	}
	if !since.IsZero() {
		query.Set("sinceTime", since.UTC().Truncate(time.Second).Format(time.RFC3339))
	}
	if tail >= 0 {
		query.Set("tailLines", strconv.Itoa(max(1, tail)))
	}
	resp, err := l.api.send(ctx, request{method: http.MethodGet, path: pod.path(p.Namespace, p.Name) + "/log", query: query,
		header: map[string]string{"Accept": "*/*"}})
	if err != nil {
		return nil, err
	}
	return &lineSource{key: key, body: resp.Body, reader: bufio.NewReader(resp.Body)}, nil
}

func (s *lineSource) close() { s.body.Close() }

// advance reads the next line; at the end it is done.
func (s *lineSource) advance() error {
	text, err := s.reader.ReadString('\n')
	if text == "" && errors.Is(err, io.EOF) {
		s.done = true
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return failure(err)
	}
	text = strings.TrimRight(text, "\r\n")
	stamp, rest, _ := strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil { // not a line of the container's: a message of who should have it
		at, rest = s.line.Time, text
	}
	s.line = container.LogLine{Time: at.UTC(), Stream: container.Stdout, Text: strings.ReplaceAll(rest, "\r", "")}
	return nil
}
