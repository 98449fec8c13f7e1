//go:build wasip1

// A driver for S3-compatible stores, as a WebAssembly module. The host signs its
// requests, and the bytes of objects never enter it.
package main

import (
	"github.com/cloudlark/cloudlark/wasm-drivers/s3/s3compat"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

func init() { sdk.Serve(s3compat.Guest(s3compat.Options{})) }

func main() {}
