package engine

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// GetContainerLogs reads what the tasks of a service wrote, on all nodes, as it comes
// in; the last lines are put in the order of time.
//
// A swarm lets a service be followed for ever, as another task may come. Here it ends
// when the service has ended or is stopped.
func (s *Swarm) GetContainerLogs(ctx context.Context, in container.GetContainerLogs) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		tail, err := in.Last()
		if err == nil {
			var id string
			if v, e := s.service(ctx, in.Container); e == nil {
				id = v.ID
			} else {
				err = e
			}
			in.Container = id
		}
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		l := taskLogs{swarm: s, service: in.Container, seen: map[string]time.Time{}}
		options := client.ServiceLogsOptions{Follow: in.Follow}
		if tail >= 0 {
			last, err := l.last(ctx, tail)
			if err != nil {
				yield(container.LogLine{}, err)
				return
			}
			for _, line := range last {
				if !yield(line, nil) {
					return
				}
			}
			if !in.Follow {
				return
			}
			options.Since = l.since()
		}
		if !in.Follow {
			for line, err := range l.read(ctx, options) {
				if !yield(line, err) || err != nil {
					return
				}
			}
			return
		}
		l.follow(ctx, options, yield)
	}
}

// taskLogs are the logs of a service's tasks.
type taskLogs struct {
	swarm   *Swarm
	service string
	seen    map[string]time.Time // by task: the time of its last line that was read
}

// since is where reading goes on so that nothing is missed: some comes again.
func (l taskLogs) since() string {
	var first time.Time
	for _, at := range l.seen {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if first.IsZero() {
		return ""
	}
	return first.Format(time.RFC3339Nano)
}

// read yields the lines that are not known yet.
func (l taskLogs) read(ctx context.Context, options client.ServiceLogsOptions) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		options.ShowStdout, options.ShowStderr, options.Timestamps, options.Details = true, true, true, true
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		body, err := askOf(ctx, l.swarm.daemon.api.ServiceLogs, l.service, options)
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		defer body.Close()
		for line, err := range lines(detailed(framed(body))) {
			if err != nil {
				if cause := context.Cause(ctx); cause != nil {
					err = cause
				}
				yield(container.LogLine{}, failed(err, nil))
				return
			}
			if !line.Time.After(l.seen[line.source]) {
				continue
			}
			l.seen[line.source] = line.Time
			if !yield(line.LogLine, nil) {
				return
			}
		}
	}
}

// last are the last n lines of all tasks, which are among the last of each.
func (l taskLogs) last(ctx context.Context, n int) ([]container.LogLine, error) {
	var all []container.LogLine
	for line, err := range l.read(ctx, client.ServiceLogsOptions{Tail: strconv.Itoa(max(1, n))}) { // one at least, which tells where the log is
		if err != nil {
			return nil, err
		}
		all = append(all, line)
	}
	slices.SortStableFunc(all, func(a, b container.LogLine) int { return a.Time.Compare(b.Time) })
	return all[max(0, len(all)-n):], nil
}

// errEnded says that a service that is followed has ended.
var errEnded = errors.New("the service has ended")

// follow yields what is written until the service ends, and then what was still on
// its way.
func (l taskLogs) follow(ctx context.Context, options client.ServiceLogsOptions, yield func(container.LogLine, error) bool) {
	following, end := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		err := op.Poll(following, 2*time.Second, func(ctx context.Context) (bool, error) {
			c, err := l.swarm.GetContainer(ctx, container.GetContainer{Container: l.service})
			return op.KindOf(err) == op.NotFound || err == nil && c.State == container.Stopped, nil
		})
		if err == nil {
			end(errEnded)
		}
	}()
	defer func() {
		end(nil)
		<-watched
	}()
	for line, err := range l.read(following, options) {
		if err != nil && context.Cause(following) == errEnded {
			break
		}
		if !yield(line, err) || err != nil {
			return
		}
	}
	if context.Cause(following) != errEnded {
		c, err := l.swarm.GetContainer(ctx, container.GetContainer{Container: l.service})
		if err == nil && c.State != container.Stopped {
			err = op.Errorf(op.Unavailable, "the daemon ended the log of %s, which goes on", c.Name)
		}
		if err != nil && op.KindOf(err) != op.NotFound {
			yield(container.LogLine{}, err)
			return
		}
	}
	for line, err := range l.read(ctx, client.ServiceLogsOptions{Since: l.since()}) {
		if op.KindOf(err) == op.NotFound {
			return // destroyed, and its log with it
		}
		if !yield(line, err) || err != nil {
			return
		}
	}
}

// detailed takes the details off the messages, which say which task wrote them.
func detailed(messages iter.Seq2[message, error]) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		for m, err := range messages {
			if stamp, rest, ok := bytes.Cut(m.text, []byte(" ")); ok && err == nil {
				if details, text, ok := bytes.Cut(rest, []byte(" ")); ok {
					for detail := range strings.SplitSeq(string(details), ",") {
						if id, ok := strings.CutPrefix(detail, "com.docker.swarm.task.id="); ok {
							m.source, _ = url.QueryUnescape(id)
						}
					}
					m.text = slices.Concat(stamp, []byte(" "), text)
				}
			}
			if !yield(m, err) {
				return
			}
		}
	}
}
