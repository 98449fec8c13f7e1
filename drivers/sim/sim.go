// Package sim is the embedded cloud: a provider "sim" in all four families
// that needs no account, no network and no money, and behaves as real clouds
// do. Nodes take time to boot, a network with nodes in it cannot be destroyed,
// quotas end, and on demand its requests are slow, fail, or are throttled.
//
// # How it is made
//
// The drivers of the four families share a [world]: records in the tables of a
// store, changed by transactions. There are two stores: memory, and a folder
// with a bbolt database and a file for every object's body, which several
// processes may use at once and which survives the end of any of them at any
// moment.
//
// Nothing happens by itself. A record that is on its way to a state says which
// and when, and whoever reads it later finds it there (see [transition]). So a
// node boots while no process runs.
//
//	sim.go        configuration and providers
//	world.go      requests: faults, transactions, tokens, quotas, pages
//	store.go      what a store is; memory.go, bolt.go
//	blobs.go      the bodies of objects; files.go
//	catalogue.go  locations, sizes, images, repositories
//	compute*.go, storage.go, lb.go, container*.go   the operations
package sim

import (
	"context"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Options are what an embedder chooses for all connections.
type Options struct {
	// State is the folder that keeps the cloud where a connection's
	// configuration names none; empty keeps it in memory.
	State string
}

// Config is what a connection's configuration can say.
type Config struct {
	State    string `json:"state,omitzero" help:"The folder that keeps the cloud between runs, or \"memory\" to keep it as long as the process; the host's choice if not given."`
	Name     string `json:"name,omitzero" default:"default" help:"Which cloud, of those in memory: the drivers of all families share one of the same name."`
	Location string `json:"location,omitzero" default:"sim-eu-1a" ref:"location" help:"Where things are made that are not told where."`

	BootTime       string `json:"boot_time,omitzero" default:"200ms" help:"How long a node or a balancer takes to start; smaller things take a quarter, clusters twice as long. \"0s\" is at once."`
	KeepTerminated string `json:"keep_terminated,omitzero" default:"1m" help:"How long a terminated node can still be seen."`
	PageSize       int    `json:"page_size,omitzero" default:"100" help:"How many items a page of a list has at most."`

	Listen bool     `json:"listen,omitzero" help:"Of lb and container: balancers really listen, on this machine's loopback, and hand what comes to their members; containers with ports answer HTTP there. It ends with the connection."`
	Reach  []string `json:"reach,omitzero" help:"With listen, networks whose addresses balancers may connect to besides this machine's own: [\"172.17.0.0/16\"]."`

	Latency      string  `json:"latency,omitzero" default:"0s" help:"How long every request takes."`
	ErrorRate    float64 `json:"error_rate,omitzero" help:"The share of requests, 0 to 1, that end in an error of kind unavailable; half of them have had their effect."`
	ThrottleRate float64 `json:"throttle_rate,omitzero" help:"The share of requests, 0 to 1, that are refused with an error of kind rate_limited."`
	Seed         int     `json:"seed,omitzero" help:"Makes the faults the same in every run; by chance if not given."`

	MaxNodes      int `json:"max_nodes,omitzero" default:"1000" help:"The quota of nodes."`
	MaxVolumes    int `json:"max_volumes,omitzero" default:"1000" help:"The quota of volumes, root disks not counted."`
	MaxNetworks   int `json:"max_networks,omitzero" default:"100" help:"The quota of networks, the default one not counted."`
	MaxAddresses  int `json:"max_addresses,omitzero" default:"100" help:"The quota of public addresses."`
	MaxBuckets    int `json:"max_buckets,omitzero" default:"1000" help:"The quota of buckets."`
	MaxBalancers  int `json:"max_balancers,omitzero" default:"100" help:"The quota of balancers."`
	MaxClusters   int `json:"max_clusters,omitzero" default:"20" help:"The quota of clusters."`
	MaxContainers int `json:"max_containers,omitzero" default:"1000" help:"The quota of containers."`
}

// Providers returns the embedded cloud's providers, one a family, all named
// "sim". Their connections share clouds: by the folder, or in memory by the
// name in their configuration. A cloud in memory lives as long as the providers.
func Providers(o Options) []*drivers.Provider {
	w := &worlds{state: o.State, open: map[string]*world{}}
	return []*drivers.Provider{
		newProvider(w, compute.Family, computeDoc, func(d driver) computeDriver { return computeDriver{d} }),
		newProvider(w, storage.Family, storageDoc, func(d driver) storageDriver { return storageDriver{d} }),
		newProvider(w, lb.Family, lbDoc, func(d driver) lbDriver { return lbDriver{d} }),
		newProvider(w, container.Family, containerDoc, func(d driver) containerDriver { return containerDriver{d} }),
	}
}

// What users should know of it, beside that of its configuration.
const (
	doc = "A cloud inside Cloudlark, to try scripts on and to test them with: it costs nothing, needs no account and no network, and behaves as real clouds do. " +
		"Things take time, quotas end, what is in use cannot be destroyed, and with `latency`, `error_rate` and `throttle_rate` it is as bad as a cloud can be. " +
		"With `state`, a folder keeps it from one run to the next, and several processes can use it at once. "
	computeDoc = doc + "\n\nA new cloud has a network `net-default` with a subnet in every location and a security group, for nodes that are given no other. " +
		"A subnet is in one location; nodes in a network of one's own get a public address only if they ask for one; a security group guards nodes of its own network. " +
		"Root disks are volumes. Key pairs are real; nobody listens at the addresses."
	storageDoc = doc + "\n\nObjects are real, and every block of a body is verified when it is read. " +
		"Their URLs, presigned ones too, are of the scheme `sim` and lead nowhere: no server runs."
	lbDoc = doc + "\n\nA member that is a node is healthy while the node runs, any other always; nothing listens at a balancer's address. " +
		"The first verdict comes after a quarter of `boot_time`, whatever the check's interval.\n\n" +
		"With `listen = true` **balancers really balance**: http, https, tcp and tls, on loopback, with all algorithms, health checks and draining, as long as the connection is open. " +
		"A balancer listens on its port at an address of its own where the system lets it, else on another port of 127.0.0.1: `address` and `port` say where, and `extra[\"url\"]`. " +
		"The certificate of https and tls is made on the spot, and is in `extra[\"certificate_pem\"]`. A member is a loopback address with a port, or an address or a published port of a container of this cloud, or a node, which " +
		"answers HTTP with its name; nothing else is connected to, but what `reach` allows, and so it counts as unhealthy. The first check is at once, and its verdict is the first; after that the thresholds hold."
	containerDoc = doc + "\n\nImages come from a small registry of its own: see `list_repositories`. Nothing really runs; with `listen = true`, a service with `ports` answers HTTP on 127.0.0.1 with its name, on the host port. " +
		"Of `echo`, `env`, `sleep`, `exit`, `sh -c` and a few other commands it is told what they would write and how they would end; any other program of a container is a service that writes a line now and then."
)

func newProvider[D any](w *worlds, family *op.Family, doc string, make func(driver) D) *drivers.Provider {
	const none = "the embedded cloud has no API but this one"
	info := drivers.Info{Name: "sim", Family: family, Title: "Cloudlark's embedded cloud", Doc: doc,
		Missing: map[string]string{"native": none, "native_pages": none}}
	return drivers.New(info, func(ctx context.Context, c Config) (D, error) {
		d, err := w.driver(ctx, c)
		if err != nil {
			return *new(D), err
		}
		if family == lb.Family || family == container.Family {
			if err := d.listen(c); err != nil {
				return *new(D), err
			}
		}
		return make(d), nil
	})
}

// worlds are the clouds that the connections of one Providers share.
type worlds struct {
	state string

	mu   sync.Mutex
	open map[string]*world
}

const inMemory = "memory"

// driver opens the world that c names, and makes the part that the drivers of
// all families have in common.
func (w *worlds) driver(ctx context.Context, c Config) (driver, error) {
	d := driver{config: c}
	var err error
	duration := func(name, text string) (v time.Duration) {
		if err == nil {
			if v, err = op.ParseDuration(text); err != nil || v < 0 {
				err = op.Errorf(op.InvalidArgument, "%s: %q is not a duration like \"200ms\"", name, text)
			}
		}
		return v
	}
	d.boot = duration("boot_time", c.BootTime)
	d.keep = duration("keep_terminated", c.KeepTerminated)
	latency := duration("latency", c.Latency)
	if err != nil {
		return driver{}, err
	}
	for name, rate := range map[string]float64{"error_rate": c.ErrorRate, "throttle_rate": c.ThrottleRate} {
		if rate < 0 || rate > 1 {
			return driver{}, op.Errorf(op.InvalidArgument, "%s is a share from 0 to 1, not %v", name, rate)
		}
	}
	if c.PageSize < 1 {
		return driver{}, op.Errorf(op.InvalidArgument, "page_size is at least 1, not %d", c.PageSize)
	}
	if err := checkLocation(c.Location); err != nil {
		return driver{}, err
	}
	d.faults = newFaults(latency, c.ErrorRate, c.ThrottleRate, c.Seed)
	d.world, err = w.world(ctx, c)
	return d, err
}

// listen lets what is in the world run, if that is asked for.
func (d *driver) listen(c Config) error {
	if !c.Listen {
		return nil
	}
	var reach []netip.Prefix
	for _, text := range c.Reach {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return op.Errorf(op.InvalidArgument, "reach: %q is no network like \"172.17.0.0/16\"", text)
		}
		reach = append(reach, network)
	}
	if !canListen {
		return op.Errorf(op.Unsupported, "listen: nothing can listen from WebAssembly")
	}
	d.live = d.world.enter(reach)
	return nil
}

// Close ends what runs because of the connection.
func (d driver) Close() error {
	d.live.leave()
	return nil
}

func (w *worlds) world(ctx context.Context, c Config) (*world, error) {
	state := c.State
	if state == "" {
		state = w.state
	}
	key := inMemory + ":" + c.Name
	if state != "" && state != inMemory {
		abs, err := filepath.Abs(state)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "state: %w", err)
		}
		state, key = abs, "folder:"+abs
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if world := w.open[key]; world != nil {
		return world, nil
	}
	world := &world{now: time.Now}
	if state == "" || state == inMemory {
		world.store = newMemory()
	} else {
		s, err := openFolder(ctx, state)
		if err != nil {
			return nil, err
		}
		world.store = s
	}
	if err := world.begin(ctx); err != nil {
		return nil, err
	}
	w.open[key] = world
	return world, nil
}
