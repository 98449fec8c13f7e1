// Package benchmark compares Cloudlark's host of WebAssembly modules with
// Extism's Go SDK, at the same work. It is a module of its own so that
// Cloudlark does not depend on Extism. What comes out is in docs/benchmarks.md.
package benchmark

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest/nodes"
)

// Both sides: 64 MiB of memory, a minute for a call, calls can be interrupted.
const (
	memoryMiB = 64
	patience  = time.Minute
)

type spent struct {
	times  []float64 // ns of one call, of each round
	cpu    []float64 // the same, of processors
	allocs []float64
	bytes  []float64
}

func (s *spent) round(b *testing.B, n int, f func(*testing.B) error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, busy := time.Now(), cpuTime()
	for range n {
		if err := f(b); err != nil {
			b.Fatal(err)
		}
	}
	took, busy := time.Since(began), cpuTime()-busy
	runtime.ReadMemStats(&after)
	s.times = append(s.times, float64(took.Nanoseconds())/float64(n))
	s.cpu = append(s.cpu, float64(busy.Nanoseconds())/float64(n))
	s.allocs = append(s.allocs, float64(after.Mallocs-before.Mallocs)/float64(n))
	s.bytes = append(s.bytes, float64(after.TotalAlloc-before.TotalAlloc)/float64(n))
}

// cpuTime is what the process has used of its processors: a time that other
// work on the machine disturbs less.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// versus runs both by turns, n calls each, and reports medians: a machine that
// has other work too then treats both alike.
func versus(b *testing.B, n int, cloudlark, other func(*testing.B) error) {
	var ours, theirs spent
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			ours.round(b, n, cloudlark)
			theirs.round(b, n, other)
		} else {
			theirs.round(b, n, other)
			ours.round(b, n, cloudlark)
		}
	}
	report(b, &ours, &theirs)
}

func report(b *testing.B, ours, theirs *spent) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ours.times)/1000, "cloudlark-µs")
	b.ReportMetric(median(theirs.times)/1000, "extism-µs")
	b.ReportMetric(median(ours.times)/median(theirs.times), "ratio")
	b.ReportMetric(median(ours.cpu)/1000, "cloudlark-cpu-µs")
	b.ReportMetric(median(theirs.cpu)/1000, "extism-cpu-µs")
	b.ReportMetric(median(ours.cpu)/median(theirs.cpu), "cpu-ratio")
	if len(ours.bytes) > 0 {
		b.ReportMetric(median(ours.bytes)/1024, "cloudlark-KiB")
		b.ReportMetric(median(theirs.bytes)/1024, "extism-KiB")
		b.ReportMetric(median(ours.allocs), "cloudlark-allocs")
		b.ReportMetric(median(theirs.allocs), "extism-allocs")
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// Guests.

func minimal(b *testing.B, name string) []byte {
	data, err := os.ReadFile(filepath.Join("..", "testdata", "minimal", name+".wasm"))
	if err != nil {
		b.Fatal(err)
	}
	return data
}

func ourGuest(b *testing.B) []byte {
	return wasmtest.BuildGo(b, "github.com/cloudlark/cloudlark/host/wasm/testdata/nodes")
}

func theirGuest(b *testing.B) []byte { return wasmtest.BuildGo(b, "./guest") }

// Cloudlark.

func load(code []byte, cache string, l wasm.Limits) (*wasm.Module, *drivers.Conn, error) {
	m, err := wasm.Load(context.Background(), wasm.Source{Bytes: code, Grant: wasm.Grant{All: true}, Limits: l}, wasm.Options{CacheDir: cache})
	if err != nil {
		return nil, nil, err
	}
	conn, err := m.Providers()[0].Open(context.Background(), "bench", nil)
	return m, conn, err
}

func mustLoad(b *testing.B, code []byte, l wasm.Limits) *drivers.Conn {
	m, conn, err := load(code, b.TempDir(), l)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(); m.Close() })
	return conn
}

// timed is a call's context: the timeout that Extism sets by itself.
func timed(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return f(ctx)
}

func start(c *drivers.Conn) error {
	return timed(func(ctx context.Context) error { return drivers.Do(ctx, c, compute.StartNode{Node: "node-0001"}) })
}

func get(c *drivers.Conn) error {
	return timed(func(ctx context.Context) error {
		n, err := drivers.Call[compute.Node](ctx, c, compute.GetNode{Node: "node-0001"})
		if err == nil && n.Name != "web-1" {
			panic(n.Name)
		}
		return err
	})
}

func list(c *drivers.Conn) error {
	return timed(func(ctx context.Context) error {
		row, err := compute.Family.Lookup("list_nodes")
		if err != nil {
			return err
		}
		page, err := c.Page(ctx, row, compute.ListNodes{}, "")
		if err == nil && page.Len() != nodes.Count {
			panic(page.Len())
		}
		return err
	})
}

// Extism.

func compile(code []byte, cache string) (*extism.CompiledPlugin, error) {
	return compileFor(code, cache, patience)
}

// compileFor with no timeout makes a plug-in that cannot be interrupted.
func compileFor(code []byte, cache string, timeout time.Duration) (*extism.CompiledPlugin, error) {
	compiled := wazero.NewCompilationCache()
	if cache != "" {
		var err error
		if compiled, err = wazero.NewCompilationCacheWithDir(cache); err != nil {
			return nil, err
		}
	}
	return extism.NewCompiledPlugin(context.Background(), extism.Manifest{
		Wasm:    []extism.Wasm{extism.WasmData{Data: code}},
		Memory:  &extism.ManifestMemory{MaxPages: memoryMiB * 16},
		Timeout: uint64(timeout.Milliseconds()),
	}, extism.PluginConfig{EnableWasi: true, RuntimeConfig: wazero.NewRuntimeConfig().WithCompilationCache(compiled)}, nil)
}

// newPlugin gives a guest what Cloudlark gives it: real clocks and random numbers.
func newPlugin(c *extism.CompiledPlugin) (*extism.Plugin, error) {
	return c.Instance(context.Background(), extism.PluginInstanceConfig{
		ModuleConfig: wazero.NewModuleConfig().WithSysWalltime().WithSysNanotime().WithSysNanosleep()})
}

func mustPlugin(b *testing.B, code []byte) *extism.Plugin {
	c, err := compile(code, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	p, err := newPlugin(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close(context.Background()); c.Close(context.Background()) })
	return p
}

func call[In any](p *extism.Plugin, op string, in In, answer *abi.Answer) error {
	message, err := json.Marshal(abi.Call[In, struct{}]{Family: "compute", Op: op, Args: in, Connection: "bench", TimeoutMS: patience.Milliseconds()})
	if err != nil {
		return err
	}
	_, out, err := p.Call("call", message)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error.Op()
	}
	return nil
}

func startPlugin(p *extism.Plugin) error {
	return call(p, "start_node", compute.StartNode{Node: "node-0001"}, &abi.Answer{})
}

func getPlugin(p *extism.Plugin) error {
	var n compute.Node
	err := call(p, "get_node", compute.GetNode{Node: "node-0001"}, &abi.Answer{Result: &n})
	if err == nil && n.Name != "web-1" {
		panic(n.Name)
	}
	return err
}

func listPlugin(p *extism.Plugin) error {
	var all []compute.Node
	err := call(p, "list_nodes", compute.ListNodes{}, &abi.Answer{Items: &all})
	if err == nil && len(all) != nodes.Count {
		panic(len(all))
	}
	return err
}

func BenchmarkCall(b *testing.B) {
	b.Run("minimal", func(b *testing.B) {
		c, p := mustLoad(b, minimal(b, "cloudlark"), wasm.Limits{}), mustPlugin(b, minimal(b, "extism"))
		versus(b, 500, func(*testing.B) error { return start(c) }, func(*testing.B) error { return startPlugin(p) })
	})
	c, p := mustLoad(b, ourGuest(b), wasm.Limits{}), mustPlugin(b, theirGuest(b))
	b.Run("one-node", func(b *testing.B) {
		versus(b, 100, func(*testing.B) error { return get(c) }, func(*testing.B) error { return getPlugin(p) })
	})
	b.Run("1000-nodes", func(b *testing.B) {
		versus(b, 3, func(*testing.B) error { return list(c) }, func(*testing.B) error { return listPlugin(p) })
	})
}

// BenchmarkCold is a module's first call in a process, compiled from nothing or
// taken from the cache on disk.
func BenchmarkCold(b *testing.B) {
	for _, g := range []struct {
		name         string
		ours, theirs []byte
		call         func(*drivers.Conn) error
		callPlugin   func(*extism.Plugin) error
	}{
		{"minimal", minimal(b, "cloudlark"), minimal(b, "extism"), start, startPlugin},
		{"go", ourGuest(b), theirGuest(b), get, getPlugin},
	} {
		ours := func(cache string) error {
			m, c, err := load(g.ours, cache, wasm.Limits{})
			if err != nil {
				return err
			}
			defer m.Close()
			defer c.Close()
			return g.call(c)
		}
		theirs := func(cache string) error {
			c, err := compile(g.theirs, cache)
			if err != nil {
				return err
			}
			defer c.Close(context.Background())
			p, err := newPlugin(c)
			if err != nil {
				return err
			}
			defer p.Close(context.Background())
			return g.callPlugin(p)
		}
		b.Run(g.name+"/compile", func(b *testing.B) {
			versus(b, 1, func(*testing.B) error { return ours("") }, func(*testing.B) error { return theirs("") })
		})
		b.Run(g.name+"/cache", func(b *testing.B) {
			a, z := b.TempDir(), b.TempDir()
			if err := ours(a); err != nil {
				b.Fatal(err)
			}
			if err := theirs(z); err != nil {
				b.Fatal(err)
			}
			versus(b, 1, func(*testing.B) error { return ours(a) }, func(*testing.B) error { return theirs(z) })
		})
	}
}

// BenchmarkWarm is a new instance of a module that is compiled, and its first
// call; closing it is not counted.
func BenchmarkWarm(b *testing.B) {
	for _, g := range []struct {
		name         string
		ours, theirs []byte
		call         func(*drivers.Conn) error
		callPlugin   func(*extism.Plugin) error
	}{
		{"minimal", minimal(b, "cloudlark"), minimal(b, "extism"), start, startPlugin},
		{"go", ourGuest(b), theirGuest(b), get, getPlugin},
	} {
		b.Run(g.name, func(b *testing.B) {
			conn := mustLoad(b, g.ours, wasm.Limits{Idle: time.Nanosecond}) // an instance is released after each call
			c, err := compile(g.theirs, b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close(context.Background())
			var ours, theirs spent
			for b.Loop() {
				time.Sleep(2 * time.Millisecond) // it is released behind the call's back
				runtime.GC()
				ours.round(b, 1, func(*testing.B) error { return g.call(conn) })
				time.Sleep(2 * time.Millisecond)
				runtime.GC()
				var p *extism.Plugin
				theirs.round(b, 1, func(*testing.B) error {
					if p, err = newPlugin(c); err != nil {
						return err
					}
					return g.callPlugin(p)
				})
				if err := p.Close(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			report(b, &ours, &theirs)
		})
	}
}

func together(b *testing.B, n int, f func(i int) error) {
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			if err := f(i); err != nil {
				b.Error(err)
			}
		})
	}
	wait.Wait()
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkMemory is what an instance keeps that waits for its next call, after
// a small one and after a list: what nine have more than one, with what is
// loaded for all of them. As many calls go at a time, so that each instance has one.
func BenchmarkMemory(b *testing.B) {
	ours := func(n int, lists bool) float64 {
		before := heap()
		m, conn, err := load(ourGuest(b), b.TempDir(), wasm.Limits{Instances: n, Idle: time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		defer m.Close()
		defer conn.Close()
		together(b, n, func(int) error {
			return timed(func(ctx context.Context) error { return drivers.Do(ctx, conn, compute.RebootNode{Node: "node-0001"}) })
		})
		if lists {
			together(b, n, func(int) error { return list(conn) })
		}
		return heap() - before
	}
	theirs := func(n int, lists bool) float64 {
		before := heap()
		c, err := compile(theirGuest(b), b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(context.Background())
		plugins := make([]*extism.Plugin, n)
		for i := range plugins {
			if plugins[i], err = newPlugin(c); err != nil {
				b.Fatal(err)
			}
			defer plugins[i].Close(context.Background())
		}
		together(b, n, func(i int) error {
			return call(plugins[i], "reboot_node", compute.RebootNode{Node: "node-0001"}, &abi.Answer{})
		})
		if lists {
			together(b, n, func(i int) error { return listPlugin(plugins[i]) })
		}
		return heap() - before
	}
	for _, after := range []string{"small", "list"} {
		b.Run(after, func(b *testing.B) {
			var us, them []float64
			for b.Loop() {
				us = append(us, (ours(9, after == "list")-ours(1, after == "list"))/8)
				them = append(them, (theirs(9, after == "list")-theirs(1, after == "list"))/8)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(us)/(1<<20), "cloudlark-MiB")
			b.ReportMetric(median(them)/(1<<20), "extism-MiB")
			b.ReportMetric(median(us)/median(them), "ratio")
		})
	}
}

// BenchmarkInterruption is what it costs that a guest can be interrupted: the
// same module in wazero alone, with WithCloseOnContextDone and without.
func BenchmarkInterruption(b *testing.B) {
	code := minimal(b, "cloudlark")
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	run := func(name, export string, n int, arguments ...uint64) {
		b.Run(name, func(b *testing.B) {
			var calls [2]func(*testing.B) error
			for i := range calls {
				rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(i == 1))
				defer rt.Close(context.Background())
				m, err := rt.Instantiate(ctx, code)
				if err != nil {
					b.Fatal(err)
				}
				f := m.ExportedFunction(export)
				stack := make([]uint64, 2)
				calls[i] = func(*testing.B) error {
					copy(stack, arguments)
					return f.CallWithStack(ctx, stack)
				}
			}
			onAndOff(b, n, calls[0], calls[1])
		})
	}
	run("call", "cloudlark_call", 2000, 0, 0)
	run("loop", "spin", 1, 20_000_000)
	// A guest whose language has a runtime, and many loops: in Extism, which
	// turns the same switch for a timeout.
	var plugins [2]*extism.Plugin
	for i, timeout := range []time.Duration{0, patience} {
		c, err := compileFor(theirGuest(b), b.TempDir(), timeout)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(context.Background())
		if plugins[i], err = newPlugin(c); err != nil {
			b.Fatal(err)
		}
		defer plugins[i].Close(context.Background())
	}
	b.Run("go-guest-1000-nodes", func(b *testing.B) {
		onAndOff(b, 2, func(*testing.B) error { return listPlugin(plugins[0]) }, func(*testing.B) error { return listPlugin(plugins[1]) })
	})
}

func onAndOff(b *testing.B, n int, without, with func(*testing.B) error) {
	var off, on spent
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			off.round(b, n, without)
			on.round(b, n, with)
		} else {
			on.round(b, n, with)
			off.round(b, n, without)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(off.times)/1000, "off-µs")
	b.ReportMetric(median(on.times)/1000, "on-µs")
	b.ReportMetric(median(on.times)/median(off.times), "ratio")
	b.ReportMetric(median(on.cpu)/median(off.cpu), "cpu-ratio")
}
