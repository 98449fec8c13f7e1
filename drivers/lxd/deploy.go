package lxd

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// deployExtra is what deploy_container takes in extra.
type deployExtra struct {
	Profiles    []string                     `json:"profiles,omitzero" help:"The profiles it has, in their order; \"default\" if not given."`
	Config      map[string]string            `json:"config,omitzero" help:"More of its configuration, in the server's keys: {\"security.nesting\": \"true\", \"limits.processes\": \"200\"}."`
	Devices     map[string]map[string]string `json:"devices,omitzero" help:"More devices, in the server's words: {\"eth0\": {\"type\": \"nic\", \"network\": \"lxdbr0\"}}."`
	Description string                       `json:"description,omitzero" help:"What to say of it."`
	Ephemeral   bool                         `json:"ephemeral,omitzero" help:"Whether it is removed when it stops."`
	Member      string                       `json:"member,omitzero" help:"The member of the cluster that it runs on, or a group: \"@gpu\"; the server's choice if not given."`
	Pool        string                       `json:"pool,omitzero" help:"The storage pool of its root disk; the profiles' if not given."`
	Size        string                       `json:"size,omitzero" help:"The size of its root disk, where the pool keeps to sizes: \"10GiB\"."`
}

// A creation is a container in the API's terms.
type creation struct {
	Name        string                       `json:"name"`
	Type        string                       `json:"type"`
	Source      source                       `json:"source"`
	Config      map[string]string            `json:"config"`
	Devices     map[string]map[string]string `json:"devices"`
	Profiles    []string                     `json:"profiles,omitempty"`
	Description string                       `json:"description,omitempty"`
	Ephemeral   bool                         `json:"ephemeral,omitempty"`

	volumes map[string]map[string]string // devices whose pool is the root disk's
	chosen  map[string]container.Port    // devices whose port outside is the driver's choice
}

// DeployContainer makes a container and starts it. One that does not start is
// removed again.
func (d *driver) DeployContainer(ctx context.Context, in container.DeployContainer) (container.Container, error) {
	var none container.Container
	extra, err := op.Extra[deployExtra](in.Extra)
	if err != nil {
		return none, err
	}
	c, err := specified(in, extra)
	if err != nil {
		return none, err
	}
	path, err := named(in.Name)
	if err != nil {
		return none, op.Errorf(op.InvalidArgument, "name: %q is no container's name", in.Name)
	}
	if in.RestartPolicy == container.RestartAlways {
		s, err := d.server(ctx)
		if err != nil {
			return none, err
		}
		if slices.Contains(s.Extensions, "instance_auto_restart") {
			c.Config["boot.autorestart"] = "true"
		}
	}
	if c.Source, err = d.source(ctx, in.Image); err != nil {
		return none, err
	}
	query := url.Values{}
	if extra.Member != "" {
		query.Set("target", extra.Member)
	}
	token := op.Token(ctx)
	if token != "" {
		c.Config[keyToken] = token
	}
	err = d.create(ctx, query, c)
	if op.KindOf(err) == op.AlreadyExists && token != "" {
		if there, look := d.instance(ctx, in.Name); look == nil && there.Config[keyToken] == token {
			if err := d.StartContainer(ctx, container.StartContainer{Container: in.Name}); err != nil {
				return none, err
			}
			return d.GetContainer(ctx, container.GetContainer{Container: in.Name})
		}
	}
	if err != nil {
		return none, err
	}
	var made []string // volumes
	out, err := d.begin(ctx, path, c, &made)
	if err == nil {
		return out, nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	left := d.DestroyContainer(undo, container.DestroyContainer{Container: in.Name})
	for _, volume := range made {
		if _, err := d.act(undo, http.MethodDelete, volume, nil, nil); left == nil {
			left = err
		}
	}
	if left != nil && op.KindOf(left) != op.NotFound {
		e := *op.AsError(err)
		e.Message += "; and the container " + in.Name + ", or a volume made for it, could not be removed: " + op.AsError(left).Message
		return none, &e
	}
	return none, err
}

// create makes a container. The server goes on when the caller no longer listens, so
// one that gives up waits a moment to learn what there is to remove, and removes it.
func (d *driver) create(ctx context.Context, query url.Values, c creation) error {
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	longer, cancel := patient(ctx)
	defer cancel()
	a, err := d.ask(longer, http.MethodPost, "/1.0/instances", query, c)
	if err != nil {
		return err
	}
	_, err = d.finished(ctx, a)
	if err == nil || ctx.Err() == nil {
		return err
	}
	// It may be there, it may still come, or it was called off.
	undo, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer stop()
	if _, ended := d.finished(undo, a); ended == nil || op.KindOf(ended) == op.Unavailable {
		if left := d.DestroyContainer(undo, container.DestroyContainer{Container: c.Name}); left != nil && op.KindOf(left) != op.NotFound {
			e := *op.AsError(err)
			e.Message += "; and the container " + c.Name + " could not be removed: " + op.AsError(left).Message
			return &e
		}
	}
	return err
}

// begin adds to a container what was not known before it was there, and starts it.
func (d *driver) begin(ctx context.Context, path string, c creation, made *[]string) (container.Container, error) {
	var none container.Container
	if len(c.volumes) > 0 {
		there, err := d.instance(ctx, c.Name)
		if err != nil {
			return none, err
		}
		for name, device := range c.volumes {
			device["pool"] = there.root()["pool"]
			volume, isNew, err := d.volume(ctx, device["pool"], device["source"])
			if err != nil {
				return none, err
			}
			if isNew {
				*made = append(*made, volume)
			}
			c.Devices[name] = device
		}
		if _, err := d.act(ctx, http.MethodPatch, path, nil, map[string]any{"devices": c.Devices}); err != nil {
			return none, err
		}
	}
	err := d.StartContainer(ctx, container.StartContainer{Container: c.Name})
	for try := 0; try < 8 && len(c.chosen) > 0 && portTaken(err); try++ {
		for name, p := range c.chosen {
			c.Devices[name] = proxy(p)
		}
		if _, err = d.act(ctx, http.MethodPatch, path, nil, map[string]any{"devices": c.Devices}); err == nil {
			err = d.StartContainer(ctx, container.StartContainer{Container: c.Name})
		}
	}
	if portTaken(err) {
		return none, op.Errorf(op.Conflict, "a port outside of %s seems to be taken: %w", c.Name, err)
	}
	if err != nil {
		return none, err
	}
	return d.GetContainer(ctx, container.GetContainer{Container: c.Name})
}

func portTaken(err error) bool {
	return says(err, "address already in use") || says(err, noListener)
}

// root is the device of the root disk.
func (c instance) root() map[string]string {
	for _, device := range c.Devices {
		if device["type"] == "disk" && device["path"] == "/" {
			return device
		}
	}
	return nil
}

// volume sees to it that a storage volume is there, and returns its path.
func (d *driver) volume(ctx context.Context, pool, name string) (path string, isNew bool, err error) {
	at := "/1.0/storage-pools/" + url.PathEscape(pool) + "/volumes/custom"
	_, err = d.act(ctx, http.MethodPost, at, nil, map[string]any{"name": name, "type": "custom", "content_type": "filesystem"})
	if op.KindOf(err) == op.AlreadyExists {
		return at + "/" + url.PathEscape(name), false, nil
	}
	return at + "/" + url.PathEscape(name), err == nil, err
}

// specified is a container in the API's terms.
func specified(in container.DeployContainer, extra deployExtra) (creation, error) {
	c := creation{Name: in.Name, Type: "container", Config: map[string]string{}, Devices: map[string]map[string]string{}, Profiles: extra.Profiles,
		Description: extra.Description, Ephemeral: extra.Ephemeral, volumes: map[string]map[string]string{}, chosen: map[string]container.Port{}}
	refuse := func(format string, args ...any) (creation, error) {
		return c, op.Errorf(op.InvalidArgument, format, args...)
	}
	switch {
	case *in.Replicas != 1:
		return refuse("replicas is %d: a server runs one container of a name; deploy several, or use a provider with clusters", *in.Replicas)
	case in.Cluster != "":
		return refuse("cluster: a connection is to one server or cluster; extra takes its member")
	case in.CPUs < 0 || in.Memory < 0:
		return refuse("cpus and memory are not negative")
	case in.CPUs > 0 && in.CPUs < 0.01:
		return refuse("cpus is %v: a server limits to hundredths of a processor", in.CPUs)
	case in.RestartPolicy == container.RestartOnFailure:
		return refuse("restart_policy: a server does not know how an init ended: it can be no or always")
	case extra.Size != "" && extra.Pool == "":
		return refuse("extra: size goes with pool, which names the storage pool")
	}
	for name, value := range in.Environment {
		if strings.ContainsAny(name, "=\n") || name == "" {
			return refuse("environment: %q is no variable's name", name)
		}
		c.Config["environment."+name] = value
	}
	for name, value := range in.Tags {
		if slices.Contains(noTags, tagPrefix+name) || name == "" {
			return refuse("tags: %q has a meaning of its own", name)
		}
		c.Config[tagPrefix+name] = value
	}
	if in.CPUs > 0 {
		c.Config["limits.cpu.allowance"] = fmt.Sprintf("%dms/100ms", int(in.CPUs*100+0.5))
	}
	if in.Memory > 0 {
		c.Config["limits.memory"] = strconv.Itoa(in.Memory) + "MiB"
	}
	if in.RestartPolicy != "" {
		c.Config["boot.autostart"] = strconv.FormatBool(in.RestartPolicy == container.RestartAlways)
	}
	var raw []string
	if len(in.Command) > 0 {
		if strings.ContainsRune(strings.Join(in.Command, ""), 0) || in.Command[0] == "" {
			return refuse("command: %q is no program and its arguments", in.Command)
		}
		raw = initCommand(in.Command)
		data, err := json.Marshal(in.Command)
		if err != nil {
			return c, op.Errorf(op.InvalidArgument, "command: %w", err)
		}
		c.Config[keyCommand] = string(data)
	}
	for i, p := range in.Ports {
		if p.Port < 1 || p.Port > 65535 || p.HostPort < 0 || p.HostPort > 65535 {
			return refuse("ports: a port is from 1 to 65535")
		}
		if _, err := netip.ParseAddr(p.HostIP); p.HostIP != "" && err != nil {
			return refuse("ports: host_ip %q is not an address", p.HostIP)
		}
		p.Protocol = cmp.Or(p.Protocol, container.TCP)
		name := fmt.Sprintf("port-%d", i+1)
		if p.HostPort == 0 {
			c.chosen[name] = p
		}
		c.Devices[name] = proxy(p)
	}
	for i, m := range in.Mounts {
		if err := checkTarget(m.Target); err != nil {
			return c, err
		}
		name := fmt.Sprintf("mount-%d", i+1)
		device := map[string]string{"type": "disk", "source": m.Source, "path": m.Target}
		if m.ReadOnly {
			device["readonly"] = "true"
		}
		switch {
		case m.Source == "":
			raw = append(raw, memoryMount(m))
		case strings.HasPrefix(m.Source, "/"):
			c.Devices[name] = device
		default:
			c.volumes[name] = device
		}
	}
	if extra.Pool != "" {
		c.Devices["root"] = map[string]string{"type": "disk", "path": "/", "pool": extra.Pool}
		if extra.Size != "" {
			c.Devices["root"]["size"] = extra.Size
		}
	}
	maps.Copy(c.Config, extra.Config)
	maps.Copy(c.Devices, extra.Devices)
	if more := extra.Config["raw.lxc"]; more != "" {
		raw = append(raw, more)
	}
	if len(raw) > 0 {
		c.Config["raw.lxc"] = strings.Join(raw, "\n")
	}
	return c, nil
}

// proxy is the device that makes a port reachable. The server chooses no port
// outside: where none is given, it is one of those that no service has.
func proxy(p container.Port) map[string]string {
	outside := cmp.Or(p.HostPort, 32768+rand.IntN(60999-32768))
	return map[string]string{"type": "proxy",
		"listen":  string(p.Protocol) + ":" + net.JoinHostPort(cmp.Or(p.HostIP, "0.0.0.0"), strconv.Itoa(outside)),
		"connect": string(p.Protocol) + ":127.0.0.1:" + strconv.Itoa(p.Port)}
}

// explained adds to an error of starting a container what LXC wrote about it: the
// server says no more than that its helper failed.
func (d *driver) explained(ctx context.Context, name string, err error) error {
	if !says(err, "forkstart") {
		return err
	}
	path, bad := named(name)
	if bad != nil {
		return err
	}
	resp, bad := d.do(ctx, http.MethodGet, path+"/logs/lxc.log", nil, nil, nil)
	if bad != nil {
		return err
	}
	defer resp.Body.Close()
	reasons := lxcErrors(resp.Body)
	if len(reasons) == 0 {
		return err
	}
	text := strings.Join(reasons, "; ")
	e := *op.AsError(err)
	e.Message = "it does not start: " + text
	e.Kind = op.Conflict
	if strings.Contains(text, "Failed to exec") {
		e.Kind = op.InvalidArgument
	}
	return &e
}
