package host_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"testing/fstest"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/host"
	"github.com/cloudlark/cloudlark/host/wasm"
)

// A program runs a script on the embedded cloud and takes what it found.
func Example() {
	h, err := host.New(host.Options{Drivers: sim.Providers(sim.Options{}), Stdout: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()

	scripts := fstest.MapFS{"web.star": {Data: []byte(`
p = params(count = 1)
cloud = compute.driver("sim")
for i in range(p.count):
    node = cloud.create_node(name = "web-%d" % i, size = "g1.small", image = "debian-13-x86_64")
    node.wait(state = "running")
print("made", p.count, "nodes")
names = sorted([n.name for n in cloud.list_nodes()])
`)}}
	res, err := h.Run(context.Background(), host.Script{FS: scripts, Path: "web.star", Params: map[string]any{"count": 2}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Globals["names"])
	for _, c := range res.Created {
		fmt.Println("left behind:", c.Type, c.Name)
	}
	// Output:
	// made 2 nodes
	// [web-0 web-1]
	// left behind: node web-0
	// left behind: node web-1
}

// Go code has the same operations, typed, through the same chain.
func ExampleHost_Open() {
	h, err := host.New(host.Options{Drivers: sim.Providers(sim.Options{})})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()

	ctx := context.Background()
	cloud, err := h.Open(ctx, "compute", "sim", nil)
	if err != nil {
		log.Fatal(err)
	}
	node, err := drivers.Call[compute.Node](ctx, cloud, compute.CreateNode{Name: "web", Size: "g1.small", Image: "debian-13-x86_64"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("created", node.Name)
	for n, err := range drivers.List[compute.Node](ctx, cloud, compute.ListNodes{Name: "web"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("found", n.Name)
	}
	// Output:
	// created web
	// found web
}

// A builtin of the program's own is a Starlark function like any other.
func ExampleOptions_builtins() {
	ticket := starlark.NewBuiltin("ticket", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var title string
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "title", &title); err != nil {
			return nil, err
		}
		return starlark.String("OPS-1: " + title), nil
	})
	h, err := host.New(host.Options{Drivers: sim.Providers(sim.Options{}), Stdout: os.Stdout,
		Builtins: starlark.StringDict{"ticket": ticket}})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	scripts := fstest.MapFS{"ticket.star": {Data: []byte(`print(ticket("a volume is idle"))`)}}
	if _, err := h.Run(context.Background(), host.Script{FS: scripts, Path: "ticket.star"}); err != nil {
		log.Fatal(err)
	}
	// Output: OPS-1: a volume is idle
}

// A policy holds for every script, whatever it tries.
func ExamplePolicy() {
	h, err := host.New(host.Options{Drivers: sim.Providers(sim.Options{}), Policy: host.Policy{ReadOnly: true}})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	scripts := fstest.MapFS{"clean.star": {Data: []byte(`compute.driver("sim").create_network(name = "mine", cidr = "10.1.0.0/16")`)}}
	_, err = h.Run(context.Background(), host.Script{FS: scripts, Path: "clean.star"})
	fmt.Println(err)
	// Output:
	// create_network (sim): permission denied: the policy's rule read_only does not allow compute.create_network, which creates; to allow it, turn read_only off
	//   at clean.star:1:37, in main
	//       compute.driver("sim").create_network(name = "mine", cidr = "10.1.0.0/16")
}

// Drivers of others are WebAssembly modules. Each does what its grant says, in
// the words of cloudlark driver inspect, and one that asks for more is refused.
func ExampleOptions_modules() {
	h, err := host.New(host.Options{
		Drivers: sim.Providers(sim.Options{}),
		Modules: []wasm.Source{{
			File:   "examplecloud.wasm",
			SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			Grant: wasm.Grant{
				Hosts:       []string{"api.example.com"},
				Credentials: []string{"token: bearer to api.example.com, from EXAMPLE_TOKEN"},
			},
		}},
	})
	if err != nil {
		fmt.Println(errors.Is(err, fs.ErrNotExist)) // there is no such file here
		return
	}
	defer h.Close()
	// Output: true
}
