package wasm_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest/nodes"
)

// What a call of a module costs. Beside the same work on Extism: benchmark/;
// what came out: docs/benchmarks.md.

func minimalGuest(b *testing.B) []byte {
	data, err := os.ReadFile(filepath.Join("testdata", "minimal", "cloudlark.wasm"))
	if err != nil {
		b.Fatal(err)
	}
	return data
}

func benchConn(b *testing.B, code []byte, l wasm.Limits) *drivers.Conn {
	m := wasmtest.Load(b, wasm.Source{Bytes: code, Grant: wasm.Grant{All: true}, Limits: l}, wasm.Options{})
	conn := drivertest.Opener(m.Providers()[0], nil)(b, nil)
	b.Cleanup(func() { conn.Close() })
	return conn
}

func startNode(c *drivers.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return drivers.Do(ctx, c, compute.StartNode{Node: "node-0001"})
}

func getNode(c *drivers.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := drivers.Call[compute.Node](ctx, c, compute.GetNode{Node: "node-0001"})
	return err
}

func BenchmarkCall(b *testing.B) {
	run := func(name string, code []byte, f func(*drivers.Conn) error) {
		b.Run(name, func(b *testing.B) {
			conn := benchConn(b, code, wasm.Limits{})
			b.ReportAllocs()
			for b.Loop() {
				if err := f(conn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("minimal", minimalGuest(b), startNode)
	guest := wasmtest.BuildGo(b, "./testdata/nodes")
	run("one-node", guest, getNode)
	run("1000-nodes", guest, func(c *drivers.Conn) error {
		row, err := compute.Family.Lookup("list_nodes")
		if err != nil {
			return err
		}
		page, err := c.Page(b.Context(), row, compute.ListNodes{}, "")
		if err == nil && page.Len() != nodes.Count {
			b.Fatal(page.Len())
		}
		return err
	})
}

// BenchmarkLoad is a module's first call in a process.
func BenchmarkLoad(b *testing.B) {
	guest := wasmtest.BuildGo(b, "./testdata/nodes")
	kept := b.TempDir()
	for _, g := range []struct {
		name, cache string
		code        []byte
		f           func(*drivers.Conn) error
	}{
		{"minimal/compile", "", minimalGuest(b), startNode},
		{"minimal/cache", kept, minimalGuest(b), startNode},
		{"go/compile", "", guest, getNode},
		{"go/cache", kept, guest, getNode},
	} {
		b.Run(g.name, func(b *testing.B) {
			load := func() {
				m, err := wasm.Load(b.Context(), wasm.Source{Bytes: g.code, Grant: wasm.Grant{All: true}}, wasm.Options{CacheDir: g.cache})
				if err != nil {
					b.Fatal(err)
				}
				defer m.Close()
				conn := drivertest.Opener(m.Providers()[0], nil)(b, nil)
				defer conn.Close()
				if err := g.f(conn); err != nil {
					b.Fatal(err)
				}
			}
			if g.cache != "" {
				load()
			}
			b.ReportAllocs()
			for b.Loop() {
				load()
			}
		})
	}
}
