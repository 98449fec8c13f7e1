package lxd

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// An instance is what the API calls containers and virtual machines.
type instance struct {
	Name         string                       `json:"name"`
	Description  string                       `json:"description"`
	Type         string                       `json:"type"` // container, virtual-machine
	Architecture string                       `json:"architecture"`
	Location     string                       `json:"location"` // the cluster's member; "none" where there is no cluster
	Project      string                       `json:"project"`
	Ephemeral    bool                         `json:"ephemeral"`
	Profiles     []string                     `json:"profiles"`
	StatusCode   int                          `json:"status_code"`
	CreatedAt    time.Time                    `json:"created_at"`
	LastUsedAt   time.Time                    `json:"last_used_at"`
	Config       map[string]string            `json:"expanded_config"` // the profiles' too
	Devices      map[string]map[string]string `json:"expanded_devices"`
	State        *struct {
		PID       int                 `json:"pid"`
		Processes int                 `json:"processes"`
		Memory    struct{ Usage int } `json:"memory"`
		Network   map[string]struct {
			Type      string `json:"type"`
			Addresses []struct {
				Address string `json:"address"`
				Scope   string `json:"scope"`
			} `json:"addresses"`
		} `json:"network"`
	} `json:"state"`
}

// states are what the API's codes mean. One that stops still runs.
var states = map[int]container.State{
	101: container.Running, // Started
	102: container.Stopped,
	103: container.Running,
	104: container.Running, // Cancelling
	105: container.Pending,
	106: container.Pending, // Starting
	107: container.Running, // Stopping
	108: container.Running, // Aborting
	109: container.Paused,  // Freezing
	110: container.Paused,
	111: container.Running, // Thawed
	112: container.Error,
	113: container.Running, // Ready, which a guest says of itself
}

// Keys of a container's configuration that are the driver's own: what it was
// deployed with.
const (
	keyCommand = "user.cloudlark.command" // as JSON
	keyToken   = "user.cloudlark.token"
)

// tagPrefix begins the keys that the server leaves to its users: those are tags, but
// for the driver's own and cloud-init's, which are programs.
const tagPrefix = "user."

var noTags = []string{keyCommand, keyToken, "user.user-data", "user.vendor-data", "user.network-config", "user.meta-data"}

// ListContainers is one page: the API answers with all of them.
func (d *driver) ListContainers(ctx context.Context, in container.ListContainers) iter.Seq2[container.Container, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]container.Container, string, error) {
		found, err := get[[]instance](ctx, d, "/1.0/instances", url.Values{"recursion": {"2"}, "instance-type": {"container"}})
		all := make([]container.Container, len(found))
		for i, c := range found {
			all[i] = c.container()
		}
		return all, "", err
	})
}

func (d *driver) GetContainer(ctx context.Context, in container.GetContainer) (container.Container, error) {
	c, err := d.instance(ctx, in.Container)
	if err != nil {
		return container.Container{}, err
	}
	return c.container(), nil
}

func (d *driver) instance(ctx context.Context, name string) (instance, error) {
	path, err := named(name)
	if err != nil {
		return instance{}, err
	}
	return get[instance](ctx, d, path, url.Values{"recursion": {"1"}})
}

func (d *driver) StartContainer(ctx context.Context, in container.StartContainer) error {
	err := d.change(ctx, in.Container, "start", 0, false)
	if says(err, "already running") {
		return nil
	}
	return d.explained(ctx, in.Container, err)
}

// StopContainer asks the container's init to end, and kills what is left when the
// time is up.
func (d *driver) StopContainer(ctx context.Context, in container.StopContainer) error {
	if *in.Timeout < 0 {
		return op.Errorf(op.InvalidArgument, "timeout is %d: it is not negative", *in.Timeout)
	}
	err := d.gently(ctx, in.Container, "stop", *in.Timeout)
	if says(err, "already stopped") {
		return nil
	}
	return err
}

// restartTimeout is how long a restart waits for the init to end, in seconds: as
// long as stop_container does unless it is told another.
const restartTimeout = 10

// RestartContainer starts one that is stopped, too.
func (d *driver) RestartContainer(ctx context.Context, in container.RestartContainer) error {
	err := d.gently(ctx, in.Container, "restart", restartTimeout)
	if says(err, "not running") || says(err, "already stopped") {
		return d.StartContainer(ctx, container.StartContainer(in))
	}
	return err
}

// gently has the server do something that ends the container's init: in the time
// it has, else by force.
func (d *driver) gently(ctx context.Context, name, action string, timeout int) error {
	if timeout > 0 {
		err := d.change(ctx, name, action, timeout, false)
		if err == nil || ctx.Err() != nil || op.KindOf(err) == op.NotFound || says(err, "not running") || says(err, "already stopped") || !says(err, "shutting down") {
			return err
		}
	}
	return d.change(ctx, name, action, 0, true)
}

func (d *driver) change(ctx context.Context, name, action string, timeout int, force bool) error {
	path, err := named(name)
	if err != nil {
		return err
	}
	if timeout == 0 {
		timeout = -1 // none
	}
	_, err = d.act(ctx, http.MethodPut, path+"/state", nil, map[string]any{"action": action, "timeout": timeout, "force": force})
	return err
}

func says(err error, words string) bool { return err != nil && strings.Contains(err.Error(), words) }

// DestroyContainer kills a container and removes it, with its snapshots.
func (d *driver) DestroyContainer(ctx context.Context, in container.DestroyContainer) error {
	path, err := named(in.Container)
	if err != nil {
		return err
	}
	d.consoles.Delete(in.Container)
	_, err = d.act(ctx, http.MethodDelete, path, nil, nil)
	if !says(err, "is running") {
		return err
	}
	if err := d.change(ctx, in.Container, "stop", 0, true); err != nil && !says(err, "already stopped") {
		return err
	}
	_, err = d.act(ctx, http.MethodDelete, path, nil, nil)
	if op.KindOf(err) == op.NotFound {
		return nil // an ephemeral one goes when it stops
	}
	return err
}

func (c instance) container() container.Container {
	out := container.Container{ID: c.Name, Name: c.Name, State: cmp.Or(states[c.StatusCode], container.Unknown), Image: c.Config["volatile.base_image"],
		Environment: map[string]string{}, Tags: map[string]string{}, RestartPolicy: container.RestartNo, Replicas: 1, CreatedAt: c.CreatedAt.UTC(),
		Extra: map[string]any{"type": c.Type, "description": c.Description, "architecture": c.Architecture, "project": c.Project, "ephemeral": c.Ephemeral,
			"profiles": list(c.Profiles), "image_description": c.Config["image.description"], "pool": c.root()["pool"]}}
	if c.Location != "none" {
		out.Extra["location"] = c.Location
	}
	if c.LastUsedAt.Year() > 1970 {
		out.Extra["last_used_at"] = c.LastUsedAt.UTC()
	}
	if out.State == container.Running {
		out.Ready = 1
	}
	for key, value := range c.Config {
		if name, ok := strings.CutPrefix(key, "environment."); ok {
			out.Environment[name] = value
		} else if name, ok := strings.CutPrefix(key, tagPrefix); ok && !slices.Contains(noTags, key) {
			out.Tags[name] = value
		}
	}
	_ = json.Unmarshal([]byte(c.Config[keyCommand]), &out.Command) // of another's container there is none
	if c.Config["boot.autostart"] == "true" || c.Config["boot.autorestart"] == "true" {
		out.RestartPolicy = container.RestartAlways
	}
	out.CPUs, out.Memory = processors(c.Config), mebibytes(c.Config["limits.memory"])
	for _, device := range c.Devices {
		switch device["type"] {
		case "proxy":
			if p, ok := proxied(device); ok {
				out.Ports = append(out.Ports, p)
			}
		case "disk":
			if device["path"] != "/" {
				out.Mounts = append(out.Mounts, container.Mount{Source: device["source"], Target: device["path"], ReadOnly: device["readonly"] == "true"})
			}
		}
	}
	out.Mounts = append(out.Mounts, memoryMounts(c.Config["raw.lxc"])...)
	slices.SortFunc(out.Ports, func(a, b container.Port) int {
		return cmp.Or(a.Port-b.Port, strings.Compare(string(a.Protocol), string(b.Protocol)), a.HostPort-b.HostPort)
	})
	slices.SortFunc(out.Mounts, func(a, b container.Mount) int { return strings.Compare(a.Target, b.Target) })
	if s := c.State; s != nil {
		out.Extra["pid"], out.Extra["processes"], out.Extra["memory_usage"] = s.PID, s.Processes, s.Memory.Usage
		for _, name := range slices.Sorted(maps.Keys(s.Network)) {
			for _, a := range s.Network[name].Addresses {
				if a.Scope == "global" && s.Network[name].Type != "loopback" {
					out.IPs = append(out.IPs, a.Address)
				}
			}
		}
	}
	return out
}

// proxied is the port that a proxy device makes reachable. Devices may join other
// things, and several ports at once; those are not shown.
func proxied(device map[string]string) (container.Port, bool) {
	if device["bind"] != "" && device["bind"] != "host" {
		return container.Port{}, false // it is the container that listens, for something outside
	}
	protocol, outside, _ := strings.Cut(device["listen"], ":")
	_, inside, _ := strings.Cut(device["connect"], ":")
	ip, outer, err := net.SplitHostPort(outside)
	if err != nil || protocol != "tcp" && protocol != "udp" {
		return container.Port{}, false
	}
	_, inner, err := net.SplitHostPort(inside)
	p := container.Port{HostIP: ip, Protocol: container.PortProtocol(protocol)}
	if ip == "0.0.0.0" || ip == "::" {
		p.HostIP = ""
	}
	var bad [2]error
	p.Port, bad[0] = strconv.Atoi(inner)
	p.HostPort, bad[1] = strconv.Atoi(outer)
	return p, err == nil && bad[0] == nil && bad[1] == nil
}

// processors is the limit that a configuration sets: time of processors, or a
// number of them. A share in percent is none.
func processors(config map[string]string) float64 {
	if used, of, ok := strings.Cut(config["limits.cpu.allowance"], "/"); ok {
		a, err := strconv.ParseFloat(strings.TrimSuffix(used, "ms"), 64)
		b, err2 := strconv.ParseFloat(strings.TrimSuffix(of, "ms"), 64)
		if err == nil && err2 == nil && b > 0 {
			return a / b
		}
	}
	n, _ := strconv.Atoi(config["limits.cpu"]) // or it is a set of them: "0-3"
	return float64(n)
}

// mebibytes is a limit in the server's units; 0 for none, or a share of the host's.
func mebibytes(limit string) int {
	for unit, size := range map[string]float64{"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "KiB": 1 << 10, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12} {
		if number, ok := strings.CutSuffix(limit, unit); ok {
			if n, err := strconv.ParseFloat(number, 64); err == nil {
				return int(n * size / (1 << 20))
			}
		}
	}
	n, _ := strconv.Atoi(strings.TrimSuffix(limit, "B"))
	return n >> 20
}

// list is a list as extra has lists.
func list(texts []string) []any {
	all := make([]any, len(texts))
	for i, t := range texts {
		all[i] = t
	}
	return all
}

func (d *driver) ListLocations(ctx context.Context, _ container.ListLocations) iter.Seq2[container.Location, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]container.Location, string, error) {
		s, err := d.server(ctx)
		if err != nil {
			return nil, "", err
		}
		if !s.Environment.Clustered {
			return []container.Location{{ID: s.Environment.Name, Name: s.Environment.Name,
				Extra: map[string]any{"server": s.Environment.Server, "version": s.Environment.Version}}}, "", nil
		}
		members, err := get[[]struct {
			Name         string   `json:"server_name"`
			URL          string   `json:"url"`
			Status       string   `json:"status"`
			Message      string   `json:"message"`
			Architecture string   `json:"architecture"`
			Roles        []string `json:"roles"`
		}](ctx, d, "/1.0/cluster/members", url.Values{"recursion": {"1"}})
		all := make([]container.Location, len(members))
		for i, m := range members {
			all[i] = container.Location{ID: m.Name, Name: m.Name,
				Extra: map[string]any{"url": m.URL, "status": m.Status, "message": m.Message, "architecture": m.Architecture, "roles": list(m.Roles)}}
		}
		return all, "", err
	})
}
