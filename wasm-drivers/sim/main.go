//go:build wasip1

// The embedded cloud as a WebAssembly module: the source of drivers/sim, built
// once more. Its state is in its memory, so one instance serves every call.
package main

import (
	"github.com/cloudlark/cloudlark/drivers/sim"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

func init() {
	sdk.Serve(sdk.Guest{Version: "1.0.0", Providers: sim.Providers(sim.Options{}), Stateful: true, MemoryMiB: 512})
}

func main() {}
