// Package cloudlark holds the sources that a new driver is made of, for
// cloudlark driver new: the guest SDKs with their templates, and the contracts.
// The project's packages are below: host embeds Cloudlark in a program, drivers
// and drivers/op are where a driver begins.
package cloudlark

import "embed"

// Sources are folders of this repository, tests included.
//
//go:embed go.mod drivers/*.go drivers/op/*.go drivers/abi/*.go drivers/native/*.go drivers/compute/*.go drivers/storage/*.go drivers/lb/*.go drivers/container/*.go
//go:embed wasm-drivers/sdk
var Sources embed.FS
