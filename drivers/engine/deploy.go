package engine

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	docker "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	platforms "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// DeployExtra is what deploy_container takes in extra.
type DeployExtra struct {
	Entrypoint    []string          `json:"entrypoint,omitzero" help:"Instead of the image's entry point, which command is handed to."`
	User          string            `json:"user,omitzero" help:"The user, and group, that it runs as: \"1000:1000\"."`
	WorkingDir    string            `json:"working_dir,omitzero" help:"The folder that it starts in."`
	Hostname      string            `json:"hostname,omitzero" help:"Its host name; the id if not given."`
	Network       string            `json:"network,omitzero" help:"The network that it is in: a network's name, \"host\", \"none\", or \"container:\" and another's name."`
	Aliases       []string          `json:"aliases,omitzero" help:"More names of it in that network."`
	DNS           []string          `json:"dns,omitzero" help:"The name servers that it asks."`
	ExtraHosts    []string          `json:"extra_hosts,omitzero" help:"More names to know: \"db:10.0.0.7\", \"here:host-gateway\"."`
	Health        []string          `json:"health,omitzero" help:"How its health is tried: {\"CMD\", program, argument …} or {\"CMD-SHELL\", line}; the image's own if not given, none for {\"NONE\"}."`
	HealthEvery   int               `json:"health_interval,omitzero" unit:"s" help:"How often; half a minute if not given."`
	HealthTimeout int               `json:"health_timeout,omitzero" unit:"s" help:"How long one trial may take; half a minute if not given."`
	HealthRetries int               `json:"health_retries,omitzero" help:"How many trials must fail for it to be unhealthy; three if not given."`
	HealthStart   int               `json:"health_start_period,omitzero" unit:"s" help:"How long failures at the start do not count."`
	Init          bool              `json:"init,omitzero" help:"Put a process in front that hands on signals and reaps children."`
	ReadOnly      bool              `json:"read_only,omitzero" help:"Let it only read its own file system."`
	Privileged    bool              `json:"privileged,omitzero" help:"Give it all that its host can do."`
	CapAdd        []string          `json:"cap_add,omitzero" help:"Capabilities to add: \"NET_ADMIN\"."`
	CapDrop       []string          `json:"cap_drop,omitzero" help:"Capabilities to take away: \"ALL\"."`
	StopSignal    string            `json:"stop_signal,omitzero" help:"The signal that asks it to end."`
	LogDriver     string            `json:"log_driver,omitzero" help:"Where its logs go; the daemon's choice if not given. Not all can be read again."`
	LogOptions    map[string]string `json:"log_options,omitzero" help:"The log driver's options: {\"max-size\": \"10m\"}."`
	Platform      string            `json:"platform,omitzero" help:"The platform of the image: \"linux/arm64\"."`
	Pull          string            `json:"pull,omitzero" default:"missing" help:"When to pull the image: \"missing\", \"always\", \"never\"."`
}

// DeployContainer makes a container and starts it. One that does not start is
// removed again.
func (d *Driver) DeployContainer(ctx context.Context, in container.DeployContainer) (container.Container, error) {
	var none container.Container
	extra, err := op.Extra[DeployExtra](in.Extra)
	if err != nil {
		return none, err
	}
	spec, err := specified(in, extra, d.api.ClientVersion())
	if err != nil {
		return none, err
	}
	if extra.Pull == "always" {
		if err := d.pull(ctx, in.Image, extra.Platform); err != nil {
			return none, err
		}
	}
	id, err := d.create(ctx, spec)
	if extra.Pull == "missing" && noImage(err) && !isID(in.Image) {
		if err = d.pull(ctx, in.Image, extra.Platform); err == nil {
			id, err = d.create(ctx, spec)
		}
	}
	if err != nil {
		return none, err
	}
	c, err := d.begin(ctx, id)
	if err == nil {
		return c, nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if left := d.remove(undo, id); left != nil && op.KindOf(left) != op.NotFound {
		e := *op.AsError(err)
		e.Message += "; and the container " + in.Name + " could not be removed: " + op.AsError(left).Message
		return none, &e
	}
	return none, err
}

// noImage reports whether err says that the image is not there, and not another
// thing that a container needs.
func noImage(err error) bool {
	e, ok := errors.AsType[*op.Error](err)
	return ok && e.Kind == op.NotFound && strings.HasPrefix(e.Message, "No such image")
}

func (d *Driver) begin(ctx context.Context, id string) (container.Container, error) {
	if err := d.StartContainer(ctx, container.StartContainer{Container: id}); err != nil {
		return container.Container{}, err
	}
	return d.GetContainer(ctx, container.GetContainer{Container: id})
}

// create makes a container. The daemon goes on when the caller no longer listens,
// so a caller that gives up waits a moment to learn what there is to remove.
func (d *Driver) create(ctx context.Context, spec client.ContainerCreateOptions) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(5*time.Second, cancel) })
	defer stop()
	out, err := ask(patient, d.api.ContainerCreate, spec)
	return out.ID, err
}

// specified is a container in the API's terms.
func specified(in container.DeployContainer, extra DeployExtra, version string) (client.ContainerCreateOptions, error) {
	none := client.ContainerCreateOptions{}
	refuse := func(format string, args ...any) (client.ContainerCreateOptions, error) {
		return none, op.Errorf(op.InvalidArgument, format, args...)
	}
	switch {
	case *in.Replicas != 1:
		return refuse("replicas is %d: a Docker daemon runs one container of a name; deploy several, or a service with the driver swarm", *in.Replicas)
	case in.Cluster != "":
		return refuse("cluster: a Docker daemon has no clusters")
	case in.CPUs < 0 || in.Memory < 0:
		return refuse("cpus and memory are not negative")
	case !slices.Contains([]string{"missing", "always", "never"}, extra.Pull):
		return refuse("extra: pull is %q: it can be missing, always or never", extra.Pull)
	}
	if in.Image == "" || strings.HasPrefix(in.Image, "-") {
		return refuse("image: %q is no image's name", in.Image)
	}
	c := &docker.Config{Image: in.Image, Cmd: in.Command, Labels: in.Tags, User: extra.User, WorkingDir: extra.WorkingDir, Hostname: extra.Hostname,
		Entrypoint: extra.Entrypoint, StopSignal: extra.StopSignal, ExposedPorts: network.PortSet{}}
	for _, name := range slices.Sorted(maps.Keys(in.Environment)) {
		c.Env = append(c.Env, name+"="+in.Environment[name])
	}
	if len(extra.Health) > 0 {
		c.Healthcheck = &docker.HealthConfig{Test: extra.Health, Interval: seconds(extra.HealthEvery), Timeout: seconds(extra.HealthTimeout),
			StartPeriod: seconds(extra.HealthStart), Retries: extra.HealthRetries}
	}
	h := &docker.HostConfig{PortBindings: network.PortMap{}, NetworkMode: docker.NetworkMode(extra.Network), Privileged: extra.Privileged, ReadonlyRootfs: extra.ReadOnly,
		CapAdd: extra.CapAdd, CapDrop: extra.CapDrop, ExtraHosts: extra.ExtraHosts, LogConfig: docker.LogConfig{Type: extra.LogDriver, Config: extra.LogOptions},
		Resources: docker.Resources{NanoCPUs: int64(in.CPUs * 1e9), Memory: int64(in.Memory) << 20}}
	if extra.Init {
		h.Init = &extra.Init
	}
	for policy, name := range map[container.RestartPolicy]docker.RestartPolicyMode{container.RestartNo: docker.RestartPolicyDisabled,
		container.RestartOnFailure: docker.RestartPolicyOnFailure, container.RestartAlways: docker.RestartPolicyAlways} {
		if in.RestartPolicy == policy {
			h.RestartPolicy.Name = name
		}
	}
	for _, text := range extra.DNS {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return refuse("extra: dns: %q is not an address", text)
		}
		h.DNS = append(h.DNS, ip)
	}
	for _, p := range in.Ports {
		if p.Port < 1 || p.Port > 65535 || p.HostPort < 0 || p.HostPort > 65535 {
			return refuse("ports: a port is from 1 to 65535")
		}
		protocol := p.Protocol
		if protocol == "" {
			protocol = container.TCP
		}
		port, ok := network.PortFrom(uint16(p.Port), network.IPProtocol(protocol))
		if !ok {
			return refuse("ports: there is no port %d/%s", p.Port, protocol)
		}
		b := network.PortBinding{}
		if p.HostPort != 0 {
			b.HostPort = strconv.Itoa(p.HostPort)
		}
		if p.HostIP != "" {
			ip, err := netip.ParseAddr(p.HostIP)
			if err != nil {
				return refuse("ports: host_ip %q is not an address", p.HostIP)
			}
			b.HostIP = ip
		}
		c.ExposedPorts[port] = struct{}{}
		h.PortBindings[port] = append(h.PortBindings[port], b)
	}
	for _, m := range in.Mounts {
		h.Mounts = append(h.Mounts, mountOf(m))
	}
	if versions.LessThan(version, "1.25") {
		bind(h)
	}
	spec := client.ContainerCreateOptions{Name: in.Name, Config: c, HostConfig: h}
	if len(extra.Aliases) > 0 {
		spec.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{extra.Network: {Aliases: extra.Aliases}}}
	}
	if extra.Platform != "" {
		p, err := platform(extra.Platform)
		if err != nil {
			return none, err
		}
		spec.Platform = &p
	}
	return spec, nil
}

// mountOf tells by the source what is mounted, as the command line does: memory, a
// path of the host, or a volume, which is made if it is not there.
func mountOf(m container.Mount) mount.Mount {
	out := mount.Mount{Type: mount.TypeVolume, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
	switch {
	case m.Source == "":
		out.Type = mount.TypeTmpfs
	case strings.HasPrefix(m.Source, "/") || len(m.Source) > 2 && m.Source[1] == ':': // C:\…
		out.Type = mount.TypeBind
	}
	return out
}

// bind puts mounts into the form that the API had before it had them.
func bind(h *docker.HostConfig) {
	for _, m := range h.Mounts {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		if m.Type == mount.TypeTmpfs {
			if h.Tmpfs == nil {
				h.Tmpfs = map[string]string{}
			}
			h.Tmpfs[m.Target] = mode
			continue
		}
		h.Binds = append(h.Binds, m.Source+":"+m.Target+":"+mode)
	}
	h.Mounts = nil
}

// platform reads "linux/arm64/v8".
func platform(s string) (platforms.Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return platforms.Platform{}, op.Errorf(op.InvalidArgument, "extra: platform %q is not one like \"linux/arm64\"", s)
	}
	p := platforms.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
