//go:build wasip1

// A driver for S3-compatible stores, as a WebAssembly module. The host signs its
// requests, and the bytes of objects never enter it.
package main

import (
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/wasm-drivers/s3/s3compat"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

func init() {
	hosts := []string{"{endpoint}", "*.{endpoint}"}
	sdk.Serve(sdk.Guest{
		Version:   "1.0.0",
		Providers: []*drivers.Provider{s3compat.Provider()},
		Hosts:     hosts,
		Credentials: []abi.Credential{{Name: s3compat.Credential, Scheme: abi.SigV4, Service: "s3", Region: "{region}", Hosts: hosts,
			Env: []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}, Help: "The store's access key."}},
	})
}

func main() {}
