package sim

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

const containers = table[containerRecord]("containers")

// A containerRecord is a container as the world keeps it. What it runs is told
// by [simulate], from its command alone: when it ends and what it writes
// follow from when it started.
type containerRecord struct {
	container.Container
	transition[container.State]
	Runs []run `json:"runs,omitzero"` // its last few, oldest first
}

// A run is one time from a container's start to its end.
type run struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // unset while it runs, as far as the record knows
}

// program is what the container runs.
func (c containerRecord) program() program { return simulate(c.Command, c.environment()) }

// environment is what a process in the container sees.
func (c containerRecord) environment() map[string]string {
	env := map[string]string{"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "HOSTNAME": c.Name}
	maps.Copy(env, c.Environment)
	return env
}

// settled is the record as it is now: started if it was to start, and ended if
// what it runs has ended by itself.
func (c containerRecord) settled(now time.Time) containerRecord {
	if c.arrived(now) {
		c.Runs = append(slices.Clone(c.Runs[max(0, len(c.Runs)-9):]), run{From: c.At})
		c.State, c.transition = c.Next, transition[container.State]{}
	}
	if c.State == container.Running {
		p := c.program()
		last := c.Runs[len(c.Runs)-1]
		again := c.RestartPolicy == container.RestartAlways || c.RestartPolicy == container.RestartOnFailure && p.code != 0
		if end := last.From.Add(p.lasts); !p.forever && !now.Before(end) && !again {
			c = c.ended(end, p.code)
		}
	}
	if c.State == container.Running {
		c.Ready, c.ExitCode = c.Replicas, nil
	} else {
		c.Ready = 0
	}
	return c
}

// ended is the record of the container that ended then.
func (c containerRecord) ended(at time.Time, code int) containerRecord {
	c.State, c.transition, c.ExitCode = container.Stopped, transition[container.State]{}, &code
	if n := len(c.Runs); n > 0 && c.Runs[n-1].To.IsZero() {
		c.Runs = slices.Clone(c.Runs)
		c.Runs[n-1].To = at
	}
	return c
}

func (c containerRecord) starting(through container.State, at time.Time) containerRecord {
	c.State, c.transition, c.ExitCode = through, transition[container.State]{container.Running, at}, nil
	return c
}

func (c containerRecord) show() container.Container {
	out := c.Container
	out.Command, out.Ports, out.Mounts, out.IPs = slices.Clone(c.Command), slices.Clone(c.Ports), slices.Clone(c.Mounts), slices.Clone(c.IPs)
	out.Environment, out.Tags = maps.Clone(c.Environment), maps.Clone(c.Tags)
	if c.ExitCode != nil {
		code := *c.ExitCode
		out.ExitCode = &code
	}
	return out
}

func (containerDriver) container(tx *txn, now time.Time, id string) (containerRecord, error) {
	c, ok := containers.get(tx, id)
	if !ok {
		return c, notFound("container", id)
	}
	return c.settled(now), nil
}

func (d containerDriver) ListContainers(ctx context.Context, in container.ListContainers) iter.Seq2[container.Container, error] {
	return list(ctx, d.driver, containers, func(tx *txn, now time.Time, c containerRecord) (container.Container, bool) {
		c = c.settled(now)
		return c.show(), is(in.Name, c.Name) && is(in.State, c.State) && is(in.Cluster, c.Cluster) && tagged(c.Tags, in.Tags)
	})
}

func (d containerDriver) GetContainer(ctx context.Context, in container.GetContainer) (container.Container, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (container.Container, error) {
		return d.showContainer(tx, now, in.Container)
	})
}

func (d containerDriver) showContainer(tx *txn, now time.Time, id string) (container.Container, error) {
	c, err := d.container(tx, now, id)
	return c.show(), err
}

func checkReplicas(n int) error {
	if n < 0 || n > 100 {
		return invalid("replicas is from 0 to 100, not %d", n)
	}
	return nil
}

// checkDeploy reports what is wrong with a container by itself.
func checkDeploy(in container.DeployContainer) error {
	switch {
	case in.CPUs < 0 || in.Memory < 0:
		return invalid("cpus and memory are not negative")
	}
	if err := checkReplicas(*in.Replicas); err != nil {
		return err
	}
	for _, p := range in.Ports {
		if p.Port < 1 || p.Port > 65535 || p.HostPort < 0 || p.HostPort > 65535 {
			return invalid("ports: a port is from 1 to 65535")
		}
		if _, err := netip.ParseAddr(p.HostIP); p.HostIP != "" && err != nil {
			return invalid("ports: host_ip %q is not an address", p.HostIP)
		}
	}
	for _, m := range in.Mounts {
		if !strings.HasPrefix(m.Target, "/") {
			return invalid("mounts: the target %q is not a path from the root", m.Target)
		}
	}
	return nil
}

func (d containerDriver) DeployContainer(ctx context.Context, in container.DeployContainer) (container.Container, error) {
	wanted, release, err := d.live.reserve(in.Ports)
	if err != nil {
		return container.Container{}, err
	}
	out, err := create(ctx, d.driver, "deploy_container", in, func(tx *txn, now time.Time) (string, error) {
		if err := checkDeploy(in); err != nil {
			return "", err
		}
		if in.Cluster != "" {
			c, err := d.cluster(tx, now, in.Cluster)
			if err == nil && c.State != container.Running {
				err = conflict("cluster %s is %s: wait for it to be running", c.ID, c.State)
			}
			if err != nil {
				return "", err
			}
		}
		i, err := d.pull(tx, in.Image)
		if err != nil {
			return "", err
		}
		for id, other := range containers.from(tx, "") {
			if other.Name == in.Name && other.Cluster == in.Cluster {
				return "", op.Errorf(op.AlreadyExists, "there is a container %q already: %s", in.Name, id)
			}
		}
		if err := take(tx, "containers", 1, d.config.MaxContainers); err != nil {
			return "", err
		}
		ports, err := publish(tx, wanted)
		if err != nil {
			return "", err
		}
		c := containerRecord{Container: container.Container{ID: nextID(tx, "ctr"), Name: in.Name, Image: i.Name, Cluster: in.Cluster,
			Command: slices.Clone(in.Command), Environment: maps.Clone(in.Environment), Ports: ports, Mounts: slices.Clone(in.Mounts),
			CPUs: in.CPUs, Memory: in.Memory, RestartPolicy: in.RestartPolicy, Tags: maps.Clone(in.Tags), CreatedAt: now}}
		if c.Command == nil {
			c.Command = imageCommand(i.Name)
		}
		if c.RestartPolicy == "" {
			c.RestartPolicy = container.RestartNo
		}
		if err := c.scale(tx, now, *in.Replicas); err != nil {
			return "", err
		}
		if c.State = container.Stopped; c.Replicas > 0 {
			c = c.starting(container.Pending, d.soon(now))
		}
		containers.put(tx, c.ID, c)
		return c.ID, nil
	}, d.showContainer)
	release(out.Ports)
	return out, err
}

// publish gives every port one outside: the one that is wanted, or a free one.
func publish(tx *txn, ports []container.Port) ([]container.Port, error) {
	if len(ports) == 0 {
		return nil, nil
	}
	type outside struct {
		protocol container.PortProtocol
		port     int
	}
	taken := map[outside]string{}
	for id, c := range containers.from(tx, "") {
		for _, p := range c.Ports {
			taken[outside{p.Protocol, p.HostPort}] = id
		}
	}
	out := slices.Clone(ports)
	for i := range out {
		p := &out[i]
		if p.Protocol == "" {
			p.Protocol = container.TCP
		}
		if id := taken[outside{p.Protocol, p.HostPort}]; p.HostPort != 0 && id != "" {
			return nil, conflict("ports: port %d is taken by container %s", p.HostPort, id)
		}
		if p.HostPort == 0 {
			p.HostPort = 32768 // where systems begin with what nobody asked for by number
			for taken[outside{p.Protocol, p.HostPort}] != "" {
				p.HostPort++
			}
		}
		taken[outside{p.Protocol, p.HostPort}] = "itself"
	}
	return out, nil
}

// changeContainer changes a container.
func (d containerDriver) changeContainer(ctx context.Context, name string, in any, id string, f func(tx *txn, now time.Time, c containerRecord) (containerRecord, error)) error {
	return change(ctx, d.driver, name, in, func(tx *txn, now time.Time) error {
		c, err := d.container(tx, now, id)
		if err == nil {
			c, err = f(tx, now, c)
		}
		if err == nil {
			containers.put(tx, id, c)
		}
		return err
	})
}

func (d containerDriver) StartContainer(ctx context.Context, in container.StartContainer) error {
	return d.changeContainer(ctx, "start_container", in, in.Container, func(tx *txn, now time.Time, c containerRecord) (containerRecord, error) {
		if c.State != container.Stopped {
			return c, nil
		}
		err := c.scale(tx, now, max(1, c.Replicas))
		return c.starting(container.Pending, d.soon(now)), err
	})
}

// stopped is the exit status of a process that was asked to end and did.
const stopped = 128 + 15

func (d containerDriver) StopContainer(ctx context.Context, in container.StopContainer) error {
	return d.changeContainer(ctx, "stop_container", in, in.Container, func(tx *txn, now time.Time, c containerRecord) (containerRecord, error) {
		if *in.Timeout < 0 {
			return c, invalid("timeout is not negative")
		}
		if c.State != container.Stopped {
			c = c.ended(now, stopped)
		}
		return c, nil
	})
}

func (d containerDriver) RestartContainer(ctx context.Context, in container.RestartContainer) error {
	return d.changeContainer(ctx, "restart_container", in, in.Container, func(tx *txn, now time.Time, c containerRecord) (containerRecord, error) {
		return c.ended(now, stopped).starting(container.Rebooting, d.soon(now)), nil
	})
}

// scale gives the container that many replicas, each with an address.
func (c *containerRecord) scale(tx *txn, now time.Time, replicas int) error {
	c.IPs = slices.Clone(c.IPs)
	for len(c.IPs) < replicas {
		ip, err := obtainIn(tx, containerSpace, c.ID)
		if err != nil {
			return err
		}
		c.IPs = append(c.IPs, ip)
	}
	for _, ip := range c.IPs[replicas:] {
		endLease(tx, now, containerSpace.name, ip)
	}
	c.IPs, c.Replicas = c.IPs[:replicas], replicas
	return nil
}

func (d containerDriver) ScaleContainer(ctx context.Context, in container.ScaleContainer) error {
	return d.changeContainer(ctx, "scale_container", in, in.Container, func(tx *txn, now time.Time, c containerRecord) (containerRecord, error) {
		if err := checkReplicas(in.Replicas); err != nil {
			return c, err
		}
		switch none := c.Replicas == 0; {
		case in.Replicas == 0 && c.State != container.Stopped:
			c = c.ended(now, stopped)
		case in.Replicas > 0 && none:
			c = c.starting(container.Pending, d.soon(now))
		}
		return c, c.scale(tx, now, in.Replicas)
	})
}

func (d containerDriver) DestroyContainer(ctx context.Context, in container.DestroyContainer) error {
	return change(ctx, d.driver, "destroy_container", in, func(tx *txn, now time.Time) error {
		c, err := d.container(tx, now, in.Container)
		if err != nil {
			return err
		}
		for _, ip := range c.IPs {
			endLease(tx, now, containerSpace.name, ip)
		}
		containers.delete(tx, c.ID)
		give(tx, "containers", 1)
		return nil
	})
}

// Logs.

const (
	beat     = 500 * time.Millisecond // how often a program that runs for ever writes a line
	logLimit = 1000                   // lines of a run that are kept
)

// lines are what the container has written by now.
func (c containerRecord) lines(now time.Time) []container.LogLine {
	p := c.program()
	var all []container.LogLine
	for _, r := range c.Runs {
		end := now
		if !r.To.IsZero() {
			end = r.To
		}
		for _, w := range p.writes {
			if at := r.From.Add(w.after); !at.After(end) {
				all = append(all, container.LogLine{Time: at, Stream: w.stream, Text: w.text})
			}
		}
		if !p.forever {
			continue
		}
		beats := int(end.Sub(r.From.Add(p.lasts)) / beat)
		for i := max(1, beats-logLimit); i <= beats; i++ {
			at := r.From.Add(p.lasts + time.Duration(i)*beat)
			all = append(all, container.LogLine{Time: at, Stream: container.Stdout, Text: fmt.Sprintf("%s: still here, %s after the start", p.name, at.Sub(r.From))})
		}
	}
	return all
}

func (d containerDriver) GetContainerLogs(ctx context.Context, in container.GetContainerLogs) iter.Seq2[container.LogLine, error] {
	return op.Follow(ctx, beat/10, func(ctx context.Context, cursor string) ([]container.LogLine, string, error) {
		tail, err := in.Last()
		if err != nil {
			return nil, "", err
		}
		var c containerRecord
		var now time.Time
		look := func() error {
			return d.world.view(ctx, func(tx *txn, at time.Time) (err error) {
				now = at
				c, err = d.container(tx, at, in.Container)
				return err
			})
		}
		var seen time.Time
		if cursor == "" {
			// Faults spare streams: a simple chain sees one only when it is opened,
			// before anything here can fail, and could not repeat it.
			err = d.requestThat(ctx, none, look)
		} else {
			if seen, err = time.Parse(time.RFC3339Nano, cursor); err != nil {
				return nil, "", invalid("%q is no cursor", cursor)
			}
			if err = look(); op.KindOf(err) == op.NotFound {
				return nil, "", nil // destroyed, and so ended
			}
		}
		if err != nil {
			return nil, "", err
		}
		lines := slices.DeleteFunc(c.lines(now), func(l container.LogLine) bool { return !l.Time.After(seen) })
		if cursor == "" {
			seen = c.CreatedAt
		}
		if len(lines) > 0 {
			seen = lines[len(lines)-1].Time
		}
		if cursor == "" && tail >= 0 {
			lines = lines[max(0, len(lines)-tail):]
		}
		if !in.Follow || c.State == container.Stopped {
			return lines, "", nil
		}
		return lines, seen.Format(time.RFC3339Nano), nil
	})
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ExecContainer runs a command of the few that [simulate] knows.
func (d containerDriver) ExecContainer(ctx context.Context, in container.ExecContainer) (container.ExecResult, error) {
	var out container.ExecResult
	err := d.request(ctx, func() error {
		var c containerRecord
		err := d.world.view(ctx, func(tx *txn, now time.Time) (err error) {
			c, err = d.container(tx, now, in.Container)
			return err
		})
		switch {
		case err != nil:
			return err
		case c.State != container.Running:
			return conflict("container %s is %s: it must be running", c.ID, c.State)
		}
		env := c.environment()
		maps.Copy(env, in.Environment)
		s := shell{env: env, input: in.Input}
		s.run(in.Command)
		if s.forever {
			<-ctx.Done()
			return ctx.Err()
		}
		if err := pause(ctx, s.elapsed); err != nil {
			return err
		}
		out = container.ExecResult{ExitCode: s.code, Stdout: s.text(container.Stdout), Stderr: s.text(container.Stderr)}
		return nil
	})
	return out, err
}
