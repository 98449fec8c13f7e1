package wasm_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/wasm"
)

// The modules of these tests are made of bytes, so that they can lie in ways
// that no compiler lets one lie.

// A code is the body of a function, in WebAssembly's own bytes.
type code []byte

const (
	i32Type = 0x7f
	i64Type = 0x7e
)

// leb is an unsigned number as WebAssembly writes it.
func leb(n uint64) []byte {
	var b []byte
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// sleb is a signed one.
func sleb(n int64) []byte {
	var b []byte
	for {
		c := byte(n & 0x7f)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func i32Const(n uint32) code { return append(code{0x41}, sleb(int64(int32(n)))...) }
func i64Const(n uint64) code { return append(code{0x42}, sleb(int64(n))...) }

// result is the i64 that a message at ptr is told by.
func result(ptr, n uint32) code { return i64Const(uint64(ptr)<<32 | uint64(n)) }

func seq(codes ...code) code {
	var c code
	for _, x := range codes {
		c = append(c, x...)
	}
	return c
}

var (
	unreachable = code{0x00}
	forever     = code{0x03, 0x40, 0x0c, 0x00, 0x0b} // loop br 0 end
)

// A fake is a module: what differs from a good one.
type fake struct {
	version, alloc, describe, call, initialize code
	description, answer                        string
	imports                                    [][2]string    // see importOf
	exports                                    map[string]int // of imports, by their index, in place of its own
	without                                    string         // an export that is not there
	noMemory                                   bool
	wrongType                                  bool     // of cloudlark_call
	wrongStart                                 bool     // _initialize takes an argument
	start                                      bool     // what initialize is runs when the module is instantiated
	tables                                     [][]byte // as section 4 has them
	pages                                      uint64   // of its memory; 16 if zero
}

// importOf is what follows an import's name: its kind and type.
func importOf(name string) []byte {
	switch name {
	case "close", "sleep":
		return []byte{0x00, 0x02} // (i32) -> i32
	case "stream_new":
		return []byte{0x00, 0x01} // () -> i32
	case "table":
		return []byte{0x01, 0x70, 0x00, 0x01}
	case "memory":
		return []byte{0x02, 0x00, 0x01}
	case "global":
		return []byte{0x03, i32Type, 0x00}
	}
	return []byte{0x00, 0x00} // () -> ()
}

const (
	descriptionAt = 1 << 10
	answerAt      = 1 << 15
	messageAt     = 12 << 16
)

const goodDescription = `{"abi": 1, "name": "fake", "version": "1", "title": "Fake", "families": {"compute": {"operations": ["get_node", "list_nodes", "start_node", "create_node"]}}}`

func (f fake) module() []byte {
	or := func(c, d code) code {
		if c == nil {
			return d
		}
		return c
	}
	if f.description == "" {
		f.description = goodDescription
	}
	var b bytes.Buffer
	b.WriteString("\x00asm\x01\x00\x00\x00")
	section := func(id byte, items ...[]byte) {
		body := leb(uint64(len(items)))
		for _, i := range items {
			body = append(body, i...)
		}
		b.WriteByte(id)
		b.Write(leb(uint64(len(body))))
		b.Write(body)
	}
	name := func(s string) []byte { return append(leb(uint64(len(s))), s...) }
	functionType := func(params, results []byte) []byte {
		return append(append(append([]byte{0x60}, append(leb(uint64(len(params))), params...)...), leb(uint64(len(results)))...), results...)
	}
	callParams := []byte{i32Type, i32Type}
	if f.wrongType {
		callParams = []byte{i32Type}
	}
	section(1, functionType(nil, nil), functionType(nil, []byte{i32Type}), functionType([]byte{i32Type}, []byte{i32Type}),
		functionType(nil, []byte{i64Type}), functionType(callParams, []byte{i64Type}))
	var imports [][]byte
	first := 0 // of its own functions
	for _, i := range f.imports {
		imports = append(imports, append(append(name(i[0]), name(i[1])...), importOf(i[1])...))
		if importOf(i[1])[0] == 0x00 {
			first++
		}
	}
	if len(imports) > 0 {
		section(2, imports...)
	}
	startKind := byte(0)
	if f.wrongStart {
		startKind = 4
		f.initialize = i64Const(0)
	}
	functions := []struct {
		export string
		kind   byte
		body   code
	}{
		{"_initialize", startKind, or(f.initialize, code{})},
		{"cloudlark_abi_version", 1, or(f.version, i32Const(1))},
		{"cloudlark_alloc", 2, or(f.alloc, i32Const(messageAt))},
		{"cloudlark_describe", 3, or(f.describe, result(descriptionAt, uint32(len(f.description))))},
		{"cloudlark_call", 4, or(f.call, result(answerAt, uint32(len(f.answer))))},
	}
	var kinds, exports, bodies [][]byte
	for i, fn := range functions {
		kinds = append(kinds, []byte{fn.kind})
		body := append(append([]byte{0}, fn.body...), 0x0b)
		bodies = append(bodies, append(leb(uint64(len(body))), body...))
		if fn.export != f.without {
			index, ok := f.exports[fn.export]
			if !ok {
				index = first + i
			}
			exports = append(exports, append(append(name(fn.export), 0x00), leb(uint64(index))...))
		}
	}
	section(3, kinds...)
	if len(f.tables) > 0 {
		section(4, f.tables...)
	}
	if f.pages == 0 {
		f.pages = 16 // 1 MiB
	}
	if !slices.ContainsFunc(f.imports, func(i [2]string) bool { return i[1] == "memory" }) {
		section(5, append([]byte{0x00}, leb(f.pages)...))
	}
	if !f.noMemory {
		exports = append(exports, append(name("memory"), 0x02, 0x00))
	}
	section(7, exports...)
	if f.start { // a section of one number
		b.Write(append([]byte{0x08, 0x01}, leb(uint64(first))...))
	}
	section(10, bodies...)
	data := func(at uint32, s string) []byte {
		return append(append(append([]byte{0x00}, i32Const(at)...), 0x0b), name(s)...)
	}
	section(11, data(descriptionAt, f.description), data(answerAt, f.answer))
	return b.Bytes()
}

func (f fake) load(t *testing.T) (*wasm.Module, error) {
	t.Helper()
	m, err := wasm.Load(t.Context(), wasm.Source{Name: "fake.wasm", Bytes: f.module(), Grant: wasm.Grant{All: true},
		Limits: wasm.Limits{Grace: 20 * time.Millisecond}}, wasm.Options{})
	if err == nil {
		t.Cleanup(func() { m.Close() })
	}
	return m, err
}

func (f fake) open(t *testing.T) *drivers.Conn {
	t.Helper()
	m, err := f.load(t)
	if err != nil {
		t.Fatal(err)
	}
	conn := drivertest.Opener(m.Providers()[0], nil)(t, nil)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestGoodFake(t *testing.T) {
	conn := fake{answer: `{"result": {"id": "1", "state": "running", "extra": {"n": 1, "x": 1.5, "big": 12345678901234567890}}, "later": "ignored"}`}.open(t)
	for range 3 {
		n, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"})
		if err != nil || n.ID != "1" || n.State != compute.NodeRunning {
			t.Fatalf("%+v, %v", n, err)
		}
		if n.Extra["n"] != int64(1) || n.Extra["x"] != 1.5 {
			t.Errorf("numbers are %T and %T", n.Extra["n"], n.Extra["x"])
		}
	}
}

// TestRefusedModules are not loaded, and say why.
func TestRefusedModules(t *testing.T) {
	describe := func(change, to string) fake {
		return fake{description: strings.Replace(goodDescription, change, to, 1)}
	}
	for name, c := range map[string]struct {
		fake fake
		want string
	}{
		"another ABI":            {fake{version: i32Const(2)}, "it is for ABI version 2; this host has 1"},
		"a version far off":      {fake{version: i32Const(0xffffffff)}, "ABI version -1"},
		"versions that differ":   {describe(`"abi": 1`, `"abi": 7`), "ABI version 7"},
		"no version":             {fake{without: "cloudlark_abi_version"}, "no function cloudlark_abi_version"},
		"no call":                {fake{without: "cloudlark_call"}, "no function cloudlark_call"},
		"no alloc":               {fake{without: "cloudlark_alloc"}, "no function cloudlark_alloc"},
		"no describe":            {fake{without: "cloudlark_describe"}, "no function cloudlark_describe"},
		"no memory":              {fake{noMemory: true}, `no memory "memory"`},
		"a wrong type":           {fake{wrongType: true}, "export cloudlark_call is of the wrong type"},
		"imports of the system":  {fake{imports: [][2]string{{"env", "system"}}}, "it imports env.system"},
		"imports of other WASI":  {fake{imports: [][2]string{{"wasi_unstable", "path_open"}}}, "it imports wasi_unstable.path_open"},
		"imports that are not":   {fake{imports: [][2]string{{"cloudlark", "dial"}}}, "cloudlark.dial, which is not in version 1"},
		"WASI that is not":       {fake{imports: [][2]string{{"wasi_snapshot_preview1", "exec"}}}, "exec, which does not exist"},
		"imports of wrong type":  {fake{imports: [][2]string{{"cloudlark", "http_send"}}}, "with the wrong type"},
		"another's memory":       {fake{imports: [][2]string{{"env", "memory"}}}, "it imports a memory"},
		"another's global":       {fake{imports: [][2]string{{"env", "global"}}}, "env"},
		"another's table":        {fake{imports: [][2]string{{"env", "table"}}}, "env"},
		"the host's global":      {fake{imports: [][2]string{{"cloudlark", "global"}}}, "not exported"},
		"the host's version":     {fake{imports: [][2]string{{"cloudlark", "stream_new"}}, exports: map[string]int{"cloudlark_abi_version": 0}}, "ABI version -1"},
		"a start that takes":     {fake{wrongStart: true}, "expected 2 params"},
		"no end at once":         {fake{initialize: forever, start: true}, "say within"},
		"a trap at once":         {fake{initialize: unreachable, start: true}, "unreachable"},
		"a giant memory":         {fake{pages: 2048}, "over limit"},
		"a giant table":          {fake{tables: [][]byte{{0x70, 0x00, 0xff, 0xff, 0xff, 0x3f}}}, "more than 1048576 elements"},
		"no end in describe":     {fake{describe: seq(forever, unreachable)}, "say within"},
		"no end in the start":    {fake{initialize: forever}, "say within"},
		"a trap in the start":    {fake{initialize: unreachable}, "unreachable"},
		"a trap in describe":     {fake{describe: unreachable}, "unreachable"},
		"beyond the memory":      {fake{describe: result(1<<20-4, 5)}, "not in its memory"},
		"far beyond the memory":  {fake{describe: result(0xffffffff, 0xff)}, "not in its memory"},
		"a length near 2^32":     {fake{describe: result(0, 0xffffffff)}, "longer than a message"},
		"nothing":                {fake{describe: result(0, 0)}, "unexpected end of JSON"},
		"no JSON":                {fake{description: "hello"}, "invalid character"},
		"a list":                 {fake{description: "[]"}, "cannot unmarshal"},
		"nested without end":     {fake{description: strings.Repeat("[", 1000)}, "nested more than 64 deep"},
		"no name":                {describe(`"fake"`, `""`), "no name for a driver"},
		"a name that is a path":  {describe(`"fake"`, `"../x"`), "no name for a driver"},
		"a terminal's name":      {describe(`"fake"`, `"\u001b[2J"`), "no name for a driver"},
		"no families":            {describe(`"families"`, `"family"`), "families: there are none"},
		"an unknown family":      {describe(`"compute"`, `"computer"`), `no family "computer"; did you mean compute`},
		"no operations":          {describe(`"get_node", "list_nodes", "start_node", "create_node"`, ``), "no operations"},
		"an unknown operation":   {describe(`"get_node"`, `"get_nodes"`), `"get_nodes"`},
		"a host with a path":     {describe(`"title"`, `"hosts": ["x.example/y"], "title"`), "is no host"},
		"every host":             {describe(`"title"`, `"hosts": ["*"], "title"`), "is no host"},
		"a host of no value":     {describe(`"title"`, `"hosts": ["{endpoint}"], "title"`), `no configuration value "endpoint"`},
		"a slot without hosts":   {describe(`"title"`, `"credentials": [{"name": "token", "scheme": "bearer"}], "title"`), "names no hosts"},
		"a slot for other hosts": {describe(`"title"`, `"hosts": ["a.example"], "credentials": [{"name": "token", "scheme": "bearer", "hosts": ["b.example"]}], "title"`), "not among the hosts"},
		"an unknown scheme":      {describe(`"title"`, `"credentials": [{"name": "token", "scheme": "digest", "hosts": ["b"]}], "title"`), `no scheme "digest"`},
		"two of a name":          {describe(`"title"`, `"config": [{"name": "a"}, {"name": "a"}], "title"`), "two values a"},
		"the host's own name":    {describe(`"title"`, `"config": [{"name": "retries"}], "title"`), "two values retries"},
		"a bad default":          {describe(`"title"`, `"config": [{"name": "a", "type": "int", "default": "x"}], "title"`), "default"},
		"an unknown type":        {describe(`"title"`, `"config": [{"name": "a", "type": "secret"}], "title"`), `no type "secret"`},
		"a token not heeded":     {describe(`"create_node"]`, `"create_node"], "honours_token": ["reboot_node"]`), "honours_token"},
		"a terabyte":             {describe(`"title"`, `"memory_mib": 1048576, "title"`), "memory_mib"},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && strings.HasPrefix(name, "no end") {
				t.Skip("takes as long as an instance has to begin")
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, op.Errorf(op.Timeout, "it did not say within the test's time what it is"))
			defer cancel()
			_, err := wasm.Load(ctx, wasm.Source{Name: "fake.wasm", Bytes: c.fake.module(), Grant: wasm.Grant{All: true}, Limits: wasm.Limits{Grace: 20 * time.Millisecond}}, wasm.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "fake.wasm") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for name, data := range map[string][]byte{"empty": {}, "text": []byte("#!/bin/sh"), "cut": (fake{}).module()[:100], "nil": nil} {
		if _, err := wasm.Load(t.Context(), wasm.Source{Name: "x", Bytes: data, Grant: wasm.Grant{All: true}}, wasm.Options{}); err == nil {
			t.Errorf("%s was loaded", name)
		}
	}
}

// TestLies are answers that are not what the ABI says: each ends its call with
// an error, and the next call is served.
func TestLies(t *testing.T) {
	node := func(s string) string { return `{"result": ` + s + `}` }
	for name, c := range map[string]struct {
		fake fake
		want string
	}{
		"a trap":               {fake{call: unreachable}, "broke down"},
		"beyond the memory":    {fake{call: result(1<<20, 1)}, "not in its memory"},
		"across the end":       {fake{call: result(1<<20-1, 2)}, "not in its memory"},
		"a length near 2^32":   {fake{call: result(16, 0xfffffff0)}, "longer than a message"},
		"an address near 2^32": {fake{call: result(0xfffffff0, 0x20)}, "not in its memory"},
		"all of memory":        {fake{call: result(0, 1<<20)}, "not what its ABI says"},
		"nothing":              {fake{call: result(0, 0)}, "not what its ABI says"},
		"alloc says 0":         {fake{alloc: i32Const(0)}, "no memory for a message"},
		"alloc beyond":         {fake{alloc: i32Const(1 << 20)}, "cloudlark_alloc answered"},
		"alloc across the end": {fake{alloc: i32Const(1<<20 - 3)}, "cloudlark_alloc answered"},
		"alloc near 2^32":      {fake{alloc: i32Const(0xfffffffe)}, "cloudlark_alloc answered"},
		"alloc traps":          {fake{alloc: unreachable}, "broke down"},
		"the message itself":   {fake{call: result(messageAt, 40)}, "not what its ABI says"},
		"malformed":            {fake{answer: `{"result": {"id": "1",}}`}, "not what its ABI says"},
		"cut off":              {fake{answer: `{"result": {"id": "1"`}, "not what its ABI says"},
		"goes on":              {fake{answer: node(`{"id": "1"}`) + `{}`}, "goes on after its end"},
		"nested":               {fake{answer: strings.Repeat(`{"result":`, 100)}, "nested more than 64 deep"},
		"nested in extra":      {fake{answer: node(`{"id": "1", "extra": {"a": ` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}`)}, "nested"},
		"a wrong type":         {fake{answer: node(`{"id": 1}`)}, "not what its ABI says"},
		"a list":               {fake{answer: node(`[]`)}, "not what its ABI says"},
		"no id":                {fake{answer: node(`{"name": "x"}`)}, "a node that has no id"},
		"no result":            {fake{answer: `{}`}, "a node that has no id"},
		"a result of null":     {fake{answer: `{"result": null}`}, "a node that has no id"},
		"an unknown state":     {fake{answer: node(`{"id": "1", "state": "runing"}`)}, `state "runing", which does not exist; did you mean running`},
		"an unknown kind":      {fake{answer: `{"error": {"kind": "oops", "message": "m"}}`}, "unknown kind oops"},
		"a time that is none":  {fake{answer: node(`{"id": "1", "created_at": "yesterday"}`)}, "not what its ABI says"},
		"out of range":         {fake{answer: node(`{"id": "1", "created_at": 1e400}`)}, "not what its ABI says"},
		"alloc is the host's":  {fake{imports: [][2]string{{"cloudlark", "close"}}, exports: map[string]int{"cloudlark_alloc": 0}}, "cloudlark_alloc answered"},
		"alloc sleeps":         {fake{imports: [][2]string{{"cloudlark", "sleep"}}, exports: map[string]int{"cloudlark_alloc": 0}}, "no memory for a message"},
		"a list of too many":   {fake{answer: node(`{"id": "1", "extra": {"a": [0` + strings.Repeat(",0", 100_000) + `]}}`)}, "a list of more than 100000 items"},
		"a long kind":          {fake{answer: `{"error": {"kind": "` + strings.Repeat("k", 10_000) + `", "message": "m"}}`}, "unknown kind kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: m"},
		"a string without end": {fake{answer: `{"result": {"id": "` + strings.Repeat(`\`, 101)}, "not what its ABI says"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := c.fake.open(t)
			for range 2 { // the second is served as the first was
				_, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"})
				wantError(t, err, op.Internal, c.want)
			}
		})
	}
}

// TestItems are pages with things that are none.
func TestItems(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"without an id":       {`{"items": [{"id": "1"}, {"name": "x"}]}`, "a node that has no id"},
		"of null":             {`{"items": [null]}`, "a node that has no id"},
		"of numbers":          {`{"items": [1, 2]}`, "not what its ABI says"},
		"of another word":     {`{"items": [{"id": "1"}, {"id": "2", "state": "gone"}]}`, `state "gone", which does not exist`},
		"that are no list":    {`{"items": {"id": "1"}}`, "not what its ABI says"},
		"more than there are": {`{"items": [{}` + strings.Repeat(",{}", 100_000) + `]}`, "a list of more than 100000 items"},
		"with a cursor of 1":  {`{"items": [], "next": 1}`, "not what its ABI says"},
	} {
		conn := fake{answer: c.answer}.open(t)
		n := 0
		var last error
		for _, err := range drivers.List[compute.Node](t.Context(), conn, compute.ListNodes{}) {
			if n++; n > 10 {
				t.Fatalf("%s: it goes on", name)
			}
			last = err
		}
		wantError(t, last, op.Internal, c.want)
	}
	for _, answer := range []string{`{}`, `{"items": null}`, `{"items": []}`, `{"items": [], "next": ""}`} {
		conn := fake{answer: answer}.open(t)
		for range drivers.List[compute.Node](t.Context(), conn, compute.ListNodes{}) {
			t.Errorf("%s has an item", answer)
		}
	}
}

// TestErrorsAreBounded: what a guest says is an error's text, not a terminal's
// commands, nor a book.
func TestErrorsAreBounded(t *testing.T) {
	conn := fake{answer: `{"error": {"kind": "conflict", "message": "\u001b[2J\u009b1m` + strings.Repeat("é", 100_000) + `", "code": "\r` + strings.Repeat("c", 1000) + `", "retry_after_ms": 9223372036854775807}}`}.open(t)
	_, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"})
	e := op.AsError(err)
	if e == nil || e.Kind != op.Conflict || len(e.Message) > 5000 || len(e.Code) > 300 || strings.ContainsAny(e.Message+e.Code, "\x1b\r\u009b") || !strings.HasSuffix(e.Message, "é…") {
		t.Errorf("%.300v", err)
	}
}

// TestMemoryBombs: neither memory nor tables grow beyond what there is.
func TestMemoryBombs(t *testing.T) {
	good := result(answerAt, uint32(len(`{"result": {"id": "1"}}`)))
	grow := func(n uint32) code { return seq(code{0xd0, 0x70}, i32Const(n), code{0xfc, 0x0f, 0x00, 0x1a}) } // ref.null func, table.grow 0, drop
	table := [][]byte{{0x70, 0x00, 0x01}}
	for name, f := range map[string]fake{
		"memory":             {call: seq(i32Const(0xfff0), code{0x40, 0x00, 0x1a}, i32Const(0x7fffffff), code{0x40, 0x00, 0x1a}, good)},
		"a table":            {tables: table, call: seq(grow(0xfffffff0), grow(0x7fffffff), grow(0x10000000), good)},
		"a table by steps":   {tables: table, call: seq(code(bytes.Repeat(grow(1<<18), 200)), good)},
		"a table that may":   {tables: [][]byte{{0x6f, 0x01, 0x01, 0xff, 0xff, 0xff, 0xff, 0x0f}}, call: seq(code{0xd0, 0x6f}, i32Const(0x40000000), code{0xfc, 0x0f, 0x00, 0x1a}, good)},
		"a table at start":   {tables: table, start: true, initialize: grow(0x40000000), call: good},
		"a table's describe": {tables: table, describe: seq(grow(0x40000000), result(descriptionAt, uint32(len(goodDescription)))), call: good},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f.answer = `{"result": {"id": "1"}}`
		conn := f.open(t)
		for range 3 {
			if _, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		runtime.ReadMemStats(&after)
		if grown := int64(after.Sys) - int64(before.Sys); grown > 200<<20 {
			t.Errorf("%s: the host has %d MiB more", name, grown>>20)
		}
	}
}

func TestSamePageForEver(t *testing.T) {
	conn := fake{answer: `{"items": [{"id": "1"}], "next": "again"}`}.open(t)
	n := 0
	for _, err := range drivers.List[compute.Node](t.Context(), conn, compute.ListNodes{}) {
		if n++; err != nil {
			wantError(t, err, op.Internal, "the same page twice")
			return
		}
		if n > 5 {
			t.Fatal("it goes on")
		}
	}
	t.Error("it ended without an error")
}

func TestErrorsOfTheGuest(t *testing.T) {
	conn := fake{answer: `{"error": {"kind": "rate_limited", "message": "slow down", "code": "Throttled", "request_id": "r-1", "retry_after_ms": 1500}}`}.open(t)
	_, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"})
	e := op.AsError(err)
	if e == nil || e.Kind != op.RateLimited || e.Code != "Throttled" || e.RequestID != "r-1" || e.RetryAfter != 1500*time.Millisecond || e.Provider != "fake" || e.Op != "get_node" {
		t.Errorf("%+v", e)
	}
}

// TestGrants refuses a module that asks for more than it was granted, and says what.
func TestGrants(t *testing.T) {
	f := fake{description: strings.Replace(goodDescription, `"title"`, `"hosts": ["a.example"], "memory_mib": 128,
		"credentials": [{"name": "token", "scheme": "bearer", "hosts": ["a.example"]}], "title"`, 1)}
	m, err := f.load(t)
	if err != nil {
		t.Fatal(err)
	}
	whole := wasm.GrantOf(m.Description())
	load := func(g wasm.Grant, sum string) error {
		n, err := wasm.Load(t.Context(), wasm.Source{Name: "fake.wasm", Bytes: f.module(), Grant: g, SHA256: sum, Description: nil}, wasm.Options{})
		if err == nil {
			n.Close()
		}
		return err
	}
	if err := load(whole, m.SHA256()); err != nil {
		t.Errorf("what it asks for: %v", err)
	}
	for want, g := range map[string]wasm.Grant{
		"requests to a.example":                       {Credentials: whole.Credentials, MemoryMiB: 128},
		"the credential token: bearer to a.example":   {Hosts: whole.Hosts, MemoryMiB: 128},
		"128 MiB of memory, not 64":                   {Hosts: whole.Hosts, Credentials: whole.Credentials},
		"requests to a.example; the credential token": {},
	} {
		if err := load(g, ""); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "asks for more than it was granted") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := load(whole, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "not the one that was granted") {
		t.Errorf("another digest: %v", err)
	}
	// One that says now what it did not say when it was added.
	kept := *m.Description()
	kept.Hosts, kept.Credentials = nil, nil
	n, err := wasm.Load(t.Context(), wasm.Source{Name: "fake.wasm", Bytes: f.module(), Grant: wasm.Grant{MemoryMiB: 128}, Description: &kept}, wasm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if _, err := n.Providers()[0].Open(t.Context(), "fake", nil); err == nil || !strings.Contains(err.Error(), "does not describe itself as it did") {
		t.Errorf("another description: %v", err)
	}
}

func TestClosedModule(t *testing.T) {
	m, err := fake{call: seq(forever, unreachable)}.load(t)
	if err != nil {
		t.Fatal(err)
	}
	conn := drivertest.Opener(m.Providers()[0], nil)(t, nil)
	defer conn.Close()
	ended := make(chan error)
	go func() {
		_, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"})
		ended <- err
	}()
	time.AfterFunc(50*time.Millisecond, func() { m.Close() })
	select {
	case err := <-ended:
		if err == nil || op.KindOf(err) != op.Canceled && !strings.Contains(err.Error(), "closed") {
			t.Errorf("a call under way: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the call goes on after the module is closed")
	}
	if _, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"}); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a call afterwards: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// FuzzAnswer hands any answer to the host: it is an answer or an error, never a panic.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"result": {"id": "1"}}`, `{"items": [{"id": "1"}], "next": "x"}`, `{"error": {"kind": "not_found"}}`, `{}`, `null`, `[`, "\x00",
		`{"result": {"id": "1", "extra": {"a": [1, 2.5, null, "x", {"b": true}]}}}`, `{"result": {"id": "1", "tags": {"a": null}}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		if len(answer) > 1<<15 {
			return
		}
		m, err := fake{answer: answer}.load(t)
		if err != nil {
			t.Fatal(err)
		}
		conn := drivertest.Opener(m.Providers()[0], nil)(t, nil)
		defer conn.Close()
		if n, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"}); err == nil && n.ID == "" {
			t.Errorf("%q is a node without an id", answer)
		}
		for n, err := range drivers.List[compute.Node](t.Context(), conn, compute.ListNodes{}) {
			if err == nil && n.ID == "" {
				t.Errorf("%q lists a node without an id", answer)
			}
		}
		if err := drivers.Do(t.Context(), conn, compute.StartNode{Node: "1"}); err != nil && op.AsError(err).Message == "" {
			t.Errorf("%q is an error that says nothing", answer)
		}
	})
}

// FuzzPointers answers with any pointer and length, and has any place for messages.
func FuzzPointers(f *testing.F) {
	f.Add(uint32(0), uint32(0), uint32(0))
	f.Add(uint32(1<<20-1), uint32(2), uint32(1<<20-1))
	f.Add(uint32(0xffffffff), uint32(0xffffffff), uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, ptr, n, alloc uint32) {
		m, err := fake{call: result(ptr, n), alloc: i32Const(alloc)}.load(t)
		if err != nil {
			t.Fatal(err)
		}
		conn := drivertest.Opener(m.Providers()[0], nil)(t, nil)
		defer conn.Close()
		if _, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "1"}); err == nil {
			t.Error("a node came from nowhere")
		}
	})
}

// FuzzDescription loads a module that says anything of itself.
func FuzzDescription(f *testing.F) {
	f.Add(goodDescription)
	f.Add(strings.Replace(goodDescription, `"title"`, `"config": [{"name": "a", "type": "int", "unit": "GiB", "default": "5", "help": "\"`+"`"+`:"}], "hosts": ["{a}", "*.x"], "title"`, 1))
	f.Fuzz(func(t *testing.T, description string) {
		if len(description) > 1<<14 || description == "" {
			return
		}
		m, err := fake{description: description}.load(t)
		if err != nil {
			return
		}
		for _, p := range m.Providers() {
			if p.Name == "" || len(p.Operations()) == 0 {
				t.Errorf("%q made a provider %q", description, p.Name)
			}
			if conn, err := p.Open(t.Context(), "x", nil); err == nil {
				conn.Close()
			}
			_ = fmt.Sprint(p.Config.Schema())
		}
	})
}
