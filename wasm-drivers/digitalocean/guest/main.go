//go:build wasip1

// The DigitalOcean driver as a WebAssembly module.
package main

import (
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/wasm-drivers/digitalocean"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
	"github.com/cloudlark/cloudlark/wasm-drivers/sdk/go/transport"
)

func init() {
	hosts := []string{"{endpoint}"}
	sdk.Serve(sdk.Guest{
		Version:   "1.0.0",
		Providers: digitalocean.Providers(transport.New("token")),
		Hosts:     hosts,
		Credentials: []abi.Credential{{Name: "token", Scheme: abi.Bearer, Hosts: hosts, Env: []string{"DIGITALOCEAN_TOKEN"},
			Help: "A personal access token."}},
	})
}

func main() {}
