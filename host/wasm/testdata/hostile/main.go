//go:build wasip1

// A guest without an SDK that does to its host what the tests of package wasm
// tell it to. The configuration value mode is a program in JSON: which imports
// it calls with which arguments, how often, and what it answers.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unsafe"
)

//go:wasmimport cloudlark http_send
func httpSend(ptr, n, body, bodyLen, stream uint32) int32

//go:wasmimport cloudlark http_head
func httpHead(handle, ptr, room uint32) int32

//go:wasmimport cloudlark http_presign
func httpPresign(ptr, n, out, room uint32) int32

//go:wasmimport cloudlark stream_new
func streamNew() int32

//go:wasmimport cloudlark stream_take
func streamTake(handle uint32, n int64) int32

//go:wasmimport cloudlark stream_digest
func streamDigest(handle, alg, algLen, ptr, room uint32) int32

//go:wasmimport cloudlark stream_read
func streamRead(handle, ptr, room uint32) int32

//go:wasmimport cloudlark stream_write
func streamWrite(handle, ptr, n uint32) int32

//go:wasmimport cloudlark stream_info
func streamInfo(handle, ptr, room uint32) int32

//go:wasmimport cloudlark close
func closeHandle(handle uint32) int32

//go:wasmimport cloudlark log
func logText(level, ptr, n uint32)

//go:wasmimport cloudlark sleep
func sleep(ms uint32) int32

//go:wasmimport cloudlark last_error
func lastError(ptr, room uint32) int32

// A program is what mode says.
type program struct {
	Do     []step `json:"do"`
	Answer string `json:"answer"` // as it is, with $0, $1 … for what the steps returned; empty is a report of everything
	Spin   bool   `json:"spin"`   // instead of an answer
}

// A step calls one import. Its arguments are numbers, "$n" for what the step n
// returned, "text:…" for the address and length of that text, "room:n" for
// those of n free bytes, which are reported.
type step struct {
	F     string `json:"f"`
	A     []any  `json:"a"`
	Times int    `json:"times"` // 0 is once, -1 for ever
	Fails bool   `json:"fails"` // until it fails
}

// A report is what came of the steps, and everything that the guest was shown.
type report struct {
	Results []int64           `json:"results"`
	Errors  []json.RawMessage `json:"errors"`
	Rooms   []string          `json:"rooms"`
	Counts  []int             `json:"counts"`
	Message json.RawMessage   `json:"message"`
	Environ []string          `json:"environ"`
	Calls   int               `json:"calls"`
}

var (
	incoming, outgoing []byte
	kept               [][]byte
	calls              int
)

func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

func give(s string) uint64 {
	outgoing = []byte(s)
	return uint64(address(outgoing))<<32 | uint64(len(outgoing))
}

//go:wasmexport cloudlark_abi_version
func abiVersion() int32 { return 1 }

//go:wasmexport cloudlark_alloc
func alloc(n uint32) uint32 {
	incoming = make([]byte, max(n, 1))
	return address(incoming)
}

const description = `{"abi": 1, "name": "hostile", "version": "6.6.6", "title": "Hostile",
	"families": {"compute": {"operations": ["get_node", "list_nodes", "start_node", "create_node"]},
		"storage": {"operations": ["read_object", "put_object", "get_object", "list_objects"]}},
	"config": [{"name": "mode", "help": "What it does."}, {"name": "endpoint", "default": "https://api.hostile.example", "help": "Where."}],
	"hosts": ["{endpoint}", "api.hostile.example"],
	"credentials": [{"name": "token", "scheme": "bearer", "hosts": ["{endpoint}"]},
		{"name": "aws", "scheme": "sigv4", "service": "s3", "region": "eu-1", "hosts": ["{endpoint}"], "optional": true}]}`

//go:wasmexport cloudlark_describe
func describe() uint64 { return give(description) }

//go:wasmexport cloudlark_call
func call(ptr, n uint32) uint64 {
	calls++
	message := string(incoming[:n])
	var c struct {
		Config struct {
			Mode string `json:"mode"`
		} `json:"config"`
	}
	if err := json.Unmarshal([]byte(message), &c); err != nil {
		panic(err)
	}
	var p program
	if err := json.Unmarshal([]byte(c.Config.Mode), &p); err != nil {
		panic(err)
	}
	r := report{Message: json.RawMessage(message), Environ: append(os.Environ(), os.Args...), Calls: calls}
	for _, s := range p.Do {
		r.run(s)
	}
	for p.Spin {
		calls++
	}
	if p.Answer != "" {
		for i := len(r.Results) - 1; i >= 0; i-- {
			p.Answer = strings.ReplaceAll(p.Answer, fmt.Sprintf("$%d", i), fmt.Sprint(r.Results[i]))
		}
		return give(p.Answer)
	}
	kept = nil
	out, err := json.Marshal(map[string]any{"result": map[string]any{"id": "1", "extra": r}})
	if err != nil {
		panic(err)
	}
	return give(string(out))
}

func (r *report) run(s step) {
	var result int64
	count := 0
	var room []byte
	for i := 0; i < max(1, s.Times) || s.Times < 0; i++ {
		var args []uint64
		args, room = r.args(s.A)
		result = invoke(s.F, args)
		count++
		if result < 0 && s.Fails {
			break
		}
	}
	r.Results, r.Counts = append(r.Results, result), append(r.Counts, count)
	text := make([]byte, 4096)
	n := lastError(address(text), uint32(len(text)))
	if n < 0 || int(n) > len(text) || result >= 0 {
		text, n = []byte("null"), 4
	}
	r.Errors = append(r.Errors, json.RawMessage(text[:n]))
	used := 0
	if result > 0 {
		used = int(min(result, int64(len(room))))
	}
	r.Rooms = append(r.Rooms, string(room[:used]))
}

func (r *report) args(given []any) (args []uint64, room []byte) {
	for _, a := range given {
		switch a := a.(type) {
		case float64:
			args = append(args, uint64(int64(a)))
		case string:
			what, rest, _ := strings.Cut(a, ":")
			var b []byte
			var n int
			switch {
			case what == "text":
				b = []byte(rest)
			case what == "bytes":
				fmt.Sscan(rest, &n)
				b = make([]byte, n)
			case what == "room":
				fmt.Sscan(rest, &n)
				room = make([]byte, n)
				b = room
			default:
				fmt.Sscan(strings.TrimPrefix(a, "$"), &n)
				args = append(args, uint64(r.Results[n]))
				continue
			}
			if kept = append(kept, b); len(kept) > 8 {
				kept = kept[1:]
			}
			args = append(args, uint64(address(b)), uint64(len(b)))
		}
	}
	for len(args) < 6 {
		args = append(args, 0)
	}
	return args, room
}

func invoke(f string, a []uint64) int64 {
	x := func(i int) uint32 { return uint32(a[i]) }
	switch f {
	case "http_send":
		return int64(httpSend(x(0), x(1), x(2), x(3), x(4)))
	case "http_head":
		return int64(httpHead(x(0), x(1), x(2)))
	case "http_presign":
		return int64(httpPresign(x(0), x(1), x(2), x(3)))
	case "stream_new":
		return int64(streamNew())
	case "stream_take":
		return int64(streamTake(x(0), int64(a[1])))
	case "stream_digest":
		return int64(streamDigest(x(0), x(1), x(2), x(3), x(4)))
	case "stream_read":
		return int64(streamRead(x(0), x(1), x(2)))
	case "stream_write":
		return int64(streamWrite(x(0), x(1), x(2)))
	case "stream_info":
		return int64(streamInfo(x(0), x(1), x(2)))
	case "close":
		return int64(closeHandle(x(0)))
	case "log":
		logText(x(0), x(1), x(2))
	case "sleep":
		return int64(sleep(x(0)))
	case "last_error":
		return int64(lastError(x(0), x(1)))
	case "print":
		fmt.Fprint(os.Stderr, string(kept[len(kept)-1]))
	default:
		panic("there is no " + f)
	}
	return 0
}

func main() {}
