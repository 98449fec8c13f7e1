package sdk

import (
	"unsafe"

	"github.com/cloudlark/cloudlark/drivers/abi"
)

// What the host handed over, and what it has not fetched yet: kept, so that the
// garbage collector leaves them.
var (
	incoming []byte
	outgoing []byte
)

//go:wasmexport cloudlark_abi_version
func abiVersion() int32 { return abi.Version }

//go:wasmexport cloudlark_alloc
func alloc(n uint32) unsafe.Pointer {
	if uint32(cap(incoming)) < n || cap(incoming) == 0 {
		incoming = make([]byte, max(n, 4096))
	}
	incoming = incoming[:n]
	return unsafe.Pointer(unsafe.SliceData(incoming))
}

//go:wasmexport cloudlark_describe
func describe() uint64 { return give(guest().describe()) }

//go:wasmexport cloudlark_call
func call(ptr unsafe.Pointer, n uint32) uint64 {
	return give(guest().call(unsafe.Slice((*byte)(ptr), n)))
}

func guest() *server {
	if served == nil {
		panic("the module's package main does not call sdk.Serve in an init function")
	}
	return served
}

func give(b []byte) uint64 {
	outgoing = b
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | uint64(len(b))
}
