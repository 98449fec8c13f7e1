//go:build wasip1

// The module with small parts, so that tests need no gigabytes.
package main

import (
	"github.com/cloudlark/cloudlark/wasm-drivers/s3/s3compat"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

func init() {
	sdk.Serve(s3compat.Guest(s3compat.Options{PartSize: func(int) int64 { return 8 }, CopyLimit: 6 << 20, CopyPart: 5 << 20}))
}

func main() {}
