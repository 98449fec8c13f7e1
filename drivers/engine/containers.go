package engine

import (
	"context"
	"iter"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	docker "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// ListContainers is one page: the daemon answers with all of them. It leaves
// out what only a look at a single one tells.
func (d *Driver) ListContainers(ctx context.Context, in container.ListContainers) iter.Seq2[container.Container, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]container.Container, string, error) {
		f := client.Filters{}
		if in.Name != "" {
			f.Add("name", "^/"+regexp.QuoteMeta(in.Name)+"$")
		}
		for k, v := range in.Tags {
			f.Add("label", k+"="+v)
		}
		for s, state := range states {
			if in.State == state && state != container.Error { // which a running one may be, too
				f.Add("status", string(s))
			}
		}
		out, err := ask(ctx, d.api.ContainerList, client.ContainerListOptions{All: true, Filters: f})
		if err != nil {
			return nil, "", err
		}
		all := make([]container.Container, len(out.Items))
		for i, c := range out.Items {
			all[i] = summarized(c)
		}
		return all, "", nil
	})
}

func (d *Driver) GetContainer(ctx context.Context, in container.GetContainer) (container.Container, error) {
	c, err := d.inspect(ctx, in.Container)
	if err != nil {
		return container.Container{}, err
	}
	return inspected(c), nil
}

func (d *Driver) inspect(ctx context.Context, id string) (docker.InspectResponse, error) {
	if err := identified(id); err != nil {
		return docker.InspectResponse{}, err
	}
	out, err := askOf(ctx, d.api.ContainerInspect, id, client.ContainerInspectOptions{})
	return out.Container, err
}

func (d *Driver) StartContainer(ctx context.Context, in container.StartContainer) error {
	if err := identified(in.Container); err != nil {
		return err
	}
	_, err := askOf(ctx, d.api.ContainerStart, in.Container, client.ContainerStartOptions{})
	return err
}

func (d *Driver) StopContainer(ctx context.Context, in container.StopContainer) error {
	if err := identified(in.Container); err != nil {
		return err
	}
	if *in.Timeout < 0 {
		return op.Errorf(op.InvalidArgument, "timeout is %d: it is not negative", *in.Timeout)
	}
	_, err := askOf(ctx, d.api.ContainerStop, in.Container, client.ContainerStopOptions{Timeout: in.Timeout})
	return err
}

func (d *Driver) RestartContainer(ctx context.Context, in container.RestartContainer) error {
	if err := identified(in.Container); err != nil {
		return err
	}
	_, err := askOf(ctx, d.api.ContainerRestart, in.Container, client.ContainerRestartOptions{})
	return err
}

// DestroyContainer kills a container and removes it, with the volumes that have
// no name.
func (d *Driver) DestroyContainer(ctx context.Context, in container.DestroyContainer) error {
	if err := identified(in.Container); err != nil {
		return err
	}
	return d.remove(ctx, in.Container)
}

func (d *Driver) remove(ctx context.Context, id string) error {
	_, err := askOf(ctx, d.api.ContainerRemove, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && strings.Contains(err.Error(), "is already in progress") {
		return nil
	}
	return err
}

// states are what the daemon's states are here.
var states = map[docker.ContainerState]container.State{
	docker.StateCreated:    container.Stopped,
	docker.StateRunning:    container.Running,
	docker.StatePaused:     container.Paused,
	docker.StateRestarting: container.Rebooting,
	docker.StateRemoving:   container.Terminated,
	docker.StateExited:     container.Stopped,
	docker.StateDead:       container.Error,
}

// stateOf is a container's state, and how many of it are ready: one, or none.
// Where there is a health check, a container runs when that has passed.
func stateOf(s docker.ContainerState, health docker.HealthStatus) (container.State, int) {
	state, known := states[s]
	switch {
	case !known:
		return container.Unknown, 0
	case state != container.Running:
		return state, 0
	case health == docker.Starting:
		return container.Pending, 0
	case health == docker.Unhealthy:
		return container.Error, 0
	}
	return state, 1
}

// status is what a list says in words alone: "Up 3 minutes (healthy)",
// "Exited (0) 2 hours ago".
var status = regexp.MustCompile(`^(?:Up .*\((?:health: )?(starting|unhealthy)\)|Exited \((-?\d+)\))`)

func summarized(c docker.Summary) container.Container {
	out := container.Container{ID: c.ID, Image: c.Image, Replicas: 1, Tags: c.Labels, CreatedAt: time.Unix(c.Created, 0).UTC(),
		Extra: map[string]any{"status": c.Status, "image_id": c.ImageID, "network_mode": c.HostConfig.NetworkMode}}
	for _, n := range c.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") { // others are links
			out.Name = n
		}
	}
	health := docker.NoHealthcheck
	if words := status.FindStringSubmatch(c.Status); words != nil {
		health = docker.HealthStatus(words[1])
		if code, err := strconv.Atoi(words[2]); err == nil {
			out.ExitCode = &code
		}
	}
	out.State, out.Ready = stateOf(c.State, health)
	for _, p := range c.Ports {
		out.Ports = reached(out.Ports, int(p.PrivatePort), int(p.PublicPort), p.IP, p.Type)
	}
	if c.NetworkSettings != nil {
		out.IPs = addresses(c.NetworkSettings.Networks)
	}
	for _, m := range c.Mounts {
		out.Mounts = append(out.Mounts, mounted(m))
	}
	sorted(&out)
	return out
}

func inspected(c docker.InspectResponse) container.Container {
	out := container.Container{ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Replicas: 1, CreatedAt: instant(c.Created),
		Extra: map[string]any{"image_id": c.Image, "restart_count": c.RestartCount, "driver": c.Driver, "platform": c.Platform}}
	if s := c.State; s != nil {
		for name, v := range map[string]any{"pid": s.Pid, "oom_killed": s.OOMKilled, "error": s.Error, "started_at": s.StartedAt, "finished_at": s.FinishedAt} {
			out.Extra[name] = v
		}
		health := docker.NoHealthcheck
		if s.Health != nil {
			health = s.Health.Status
			out.Extra["health"] = string(health)
			if n := len(s.Health.Log); n > 0 {
				out.Extra["health_output"] = s.Health.Log[n-1].Output
			}
		}
		out.State, out.Ready = stateOf(s.Status, health)
		if s.Status == docker.StateExited || s.Status == docker.StateDead {
			out.ExitCode = &s.ExitCode
		}
	}
	if c.Config != nil {
		out.Image, out.Command, out.Tags = c.Config.Image, c.Config.Cmd, c.Config.Labels
		out.Environment = variables(c.Config.Env)
		for name, v := range map[string]any{"entrypoint": words(c.Config.Entrypoint), "user": c.Config.User, "working_dir": c.Config.WorkingDir, "hostname": c.Config.Hostname} {
			out.Extra[name] = v
		}
	}
	var published network.PortMap // of one that does not run, what it would have
	if h := c.HostConfig; h != nil {
		out.CPUs, out.Memory = cpus(h.Resources), int(h.Memory>>20)
		out.RestartPolicy = policies[h.RestartPolicy.Name]
		out.Extra["restart_policy"], out.Extra["network_mode"] = string(h.RestartPolicy.Name), string(h.NetworkMode)
		for target := range h.Tmpfs { // an older form, which is not among the mounts
			out.Mounts = append(out.Mounts, container.Mount{Target: target, ReadOnly: strings.Contains(","+h.Tmpfs[target]+",", ",ro,")})
		}
		published = h.PortBindings
	}
	for _, m := range c.Mounts {
		out.Mounts = append(out.Mounts, mounted(m))
	}
	if n := c.NetworkSettings; n != nil {
		if len(n.Ports) > 0 {
			published = n.Ports
		}
		out.IPs = addresses(n.Networks)
	}
	for port, bindings := range published {
		if len(bindings) == 0 {
			bindings = []network.PortBinding{{}} // reached at the container's own address alone
		}
		for _, b := range bindings {
			outside, _ := strconv.Atoi(b.HostPort)
			out.Ports = reached(out.Ports, int(port.Num()), outside, b.HostIP, string(port.Proto()))
		}
	}
	sorted(&out)
	return out
}

// sorted puts in order what the daemon gives in any.
func sorted(c *container.Container) {
	slices.SortFunc(c.Ports, func(a, b container.Port) int {
		return strings.Compare(portKey(a), portKey(b))
	})
	slices.SortFunc(c.Mounts, func(a, b container.Mount) int { return strings.Compare(a.Target, b.Target) })
	slices.Sort(c.IPs)
}

func portKey(p container.Port) string {
	n := func(i int) string { return strconv.Itoa(100000 + i) }
	return n(p.Port) + string(p.Protocol) + n(p.HostPort) + p.HostIP
}

// policies are the restart policies; Docker tells apart who stopped the container.
var policies = map[docker.RestartPolicyMode]container.RestartPolicy{
	"":                                container.RestartNo,
	docker.RestartPolicyDisabled:      container.RestartNo,
	docker.RestartPolicyOnFailure:     container.RestartOnFailure,
	docker.RestartPolicyAlways:        container.RestartAlways,
	docker.RestartPolicyUnlessStopped: container.RestartAlways,
}

// reached adds a port, once for IPv4 and IPv6 together.
func reached(ports []container.Port, inside, outside int, ip netip.Addr, protocol string) []container.Port {
	p := container.Port{Port: inside, HostPort: outside, Protocol: container.PortProtocol(protocol)}
	if p.Protocol != container.TCP && p.Protocol != container.UDP {
		return ports
	}
	if ip.IsValid() && !ip.IsUnspecified() {
		p.HostIP = ip.String()
	}
	if slices.Contains(ports, p) {
		return ports
	}
	return append(ports, p)
}

func mounted(m docker.MountPoint) container.Mount {
	source := m.Source
	if m.Type == mount.TypeVolume {
		source = m.Name
	}
	return container.Mount{Source: source, Target: m.Destination, ReadOnly: !m.RW}
}

func addresses(networks map[string]*network.EndpointSettings) []string {
	var ips []string
	for _, n := range networks {
		if n == nil {
			continue
		}
		for _, ip := range []netip.Addr{n.IPAddress, n.GlobalIPv6Address} {
			if ip.IsValid() {
				ips = append(ips, ip.String())
			}
		}
	}
	return ips
}

// variables takes environment variables apart.
func variables(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		m[name] = value
	}
	return m
}

func cpus(r docker.Resources) float64 {
	switch {
	case r.NanoCPUs > 0:
		return float64(r.NanoCPUs) / 1e9
	case r.CPUQuota > 0 && r.CPUPeriod > 0:
		return float64(r.CPUQuota) / float64(r.CPUPeriod)
	}
	return 0
}

// instant reads a time of the daemon's; it has years before any container.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 {
		return time.Time{}
	}
	return t
}

// words is a list as extra has lists.
func words(list []string) []any {
	all := make([]any, len(list))
	for i, w := range list {
		all[i] = w
	}
	return all
}
