//go:build wasip1

// The driver of package nodes as a module.
package main

import (
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest/nodes"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

func init() { sdk.Serve(sdk.Guest{Version: "1.0.0", Providers: nodes.Providers()}) }

func main() {}
