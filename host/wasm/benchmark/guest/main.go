//go:build wasip1

// The thousand nodes as a plug-in of Extism, which does what the guest of
// Cloudlark does: it reads the same message and answers with the same JSON.
//
// It asks Extism's kernel as its Go kit does, eight bytes at a time, but does
// not import that kit: see docs/benchmarks.md.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest/nodes"
)

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_load_u64
func inputWord(at uint64) uint64

//go:wasmimport extism:host/env input_load_u8
func inputByte(at uint64) uint32

//go:wasmimport extism:host/env alloc
func alloc(n uint64) uint64

//go:wasmimport extism:host/env store_u64
func storeWord(at, v uint64)

//go:wasmimport extism:host/env store_u8
func storeByte(at uint64, v uint32)

//go:wasmimport extism:host/env output_set
func outputSet(at, n uint64)

func input() []byte {
	n := inputLength()
	b := make([]byte, n)
	at := uint64(0)
	for ; at+8 <= n; at += 8 {
		binary.LittleEndian.PutUint64(b[at:], inputWord(at))
	}
	for ; at < n; at++ {
		b[at] = byte(inputByte(at))
	}
	return b
}

func output(b []byte) {
	n := uint64(len(b))
	to := alloc(n)
	at := uint64(0)
	for ; at+8 <= n; at += 8 {
		storeWord(to+at, binary.LittleEndian.Uint64(b[at:]))
	}
	for ; at < n; at++ {
		storeByte(to+at, uint32(b[at]))
	}
	outputSet(to, n)
}

var conn *drivers.Conn

func init() {
	var err error
	if conn, err = nodes.Providers()[0].Open(context.Background(), "nodes", nil); err != nil {
		panic(err)
	}
}

//go:wasmexport call
func call() int32 {
	answer, err := perform(input())
	if err != nil {
		answer = abi.Answer{Error: abi.ErrorOf(err)}
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return 1
	}
	output(b)
	return 0
}

func perform(message []byte) (abi.Answer, error) {
	var c abi.Call[json.RawMessage, json.RawMessage]
	if err := json.Unmarshal(message, &c); err != nil {
		return abi.Answer{}, err
	}
	switch c.Op {
	case "list_nodes":
		var in compute.ListNodes
		if err := json.Unmarshal(c.Args, &in); err != nil {
			return abi.Answer{}, err
		}
		row, err := compute.Family.Lookup(c.Op)
		if err != nil {
			return abi.Answer{}, err
		}
		page, err := conn.Page(context.Background(), row, in, c.Cursor)
		if err != nil {
			return abi.Answer{}, err
		}
		return abi.Answer{Items: page.Items, Next: page.Next}, nil
	case "get_node":
		var in compute.GetNode
		if err := json.Unmarshal(c.Args, &in); err != nil {
			return abi.Answer{}, err
		}
		node, err := drivers.Call[compute.Node](context.Background(), conn, in)
		return abi.Answer{Result: node}, err
	}
	var in compute.RebootNode
	if err := json.Unmarshal(c.Args, &in); err != nil {
		return abi.Answer{}, err
	}
	return abi.Answer{}, drivers.Do(context.Background(), conn, in)
}

func main() {}
