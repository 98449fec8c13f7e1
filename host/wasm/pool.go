package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A pool is a compiled module and its instances. An instance that has served a
// call serves the next; the last one used comes first, so that those that are
// not needed come of age.
type pool struct {
	m           *Module
	rt          wazero.Runtime
	code        wazero.CompiledModule
	limits      Limits
	stateful    bool
	description *abi.Description

	turns chan struct{} // one for each call that may go at a time
	end   context.CancelCauseFunc
	ended context.Context

	mu     sync.Mutex
	idle   []*instance
	timer  *time.Timer // releases what is idle for too long; nil when nothing is
	closed bool
}

const (
	startTime   = 10 * time.Second // an instance has this long to begin, and to describe itself
	maxMemory   = 4096             // MiB
	pagesPerMiB = 16
	maxDepth    = 64
)

// newPool compiles a module and asks it what it is.
func newPool(ctx context.Context, m *Module, data []byte, cache wazero.CompilationCache) (_ *pool, err error) {
	// How much memory it may have is not known before it says it; describing
	// itself takes no more than the default.
	memory := (&abi.Description{}).MemoryMiB()
	if data, err = limitTables(data); err != nil {
		return nil, err
	}
	if m.description != nil {
		memory = m.description.MemoryMiB()
	}
	p := &pool{m: m, limits: m.limits}
	if err := p.compile(ctx, data, memory, cache); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = p.rt.Close(context.WithoutCancel(ctx))
		}
	}()
	var first *instance
	if p.description, first, err = p.describe(ctx); err != nil {
		return nil, err
	}
	if p.description.MemoryMiB() != memory {
		first = nil
		_ = p.rt.Close(ctx)
		if err := p.compile(ctx, data, p.description.MemoryMiB(), cache); err != nil {
			return nil, err
		}
	}
	p.stateful = p.description.Stateful
	n := p.limits.Instances
	if p.stateful {
		n = 1
	}
	p.turns = make(chan struct{}, n)
	p.ended, p.end = context.WithCancelCause(context.Background())
	if first != nil {
		p.put(first)
	}
	return p, nil
}

func (p *pool) compile(ctx context.Context, data []byte, memory int, cache wazero.CompilationCache) error {
	p.rt = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(cache).
		WithMemoryLimitPages(uint32(min(memory, maxMemory)*pagesPerMiB)).WithCloseOnContextDone(true))
	err := func() error {
		if _, err := wasi_snapshot_preview1.Instantiate(ctx, p.rt); err != nil {
			return err
		}
		if err := addHostModule(ctx, p.rt); err != nil {
			return err
		}
		var err error
		if p.code, err = p.rt.CompileModule(ctx, data); err != nil {
			return fmt.Errorf("it is no WebAssembly module: %w", err)
		}
		return checkCode(p.code, p.rt.Module(wasi_snapshot_preview1.ModuleName))
	}()
	if err != nil {
		_ = p.rt.Close(context.WithoutCancel(ctx))
	}
	return err
}

// checkCode refuses a module that imports what there is not, or lacks an export.
func checkCode(code wazero.CompiledModule, wasi api.Module) error {
	for _, f := range code.ImportedFunctions() {
		module, name, _ := f.Import()
		var params, results []api.ValueType
		switch module {
		case abi.Module:
			h, ok := hostFuncs[name]
			params, results = h.params, []api.ValueType{i32}
			switch name {
			case "log":
				params, results = []api.ValueType{i32, i32, i32}, nil
			case "last_error":
				params = []api.ValueType{i32, i32}
			default:
				if !ok {
					return fmt.Errorf("it imports cloudlark.%.80s, which is not in version %d of the ABI", name, abi.Version)
				}
			}
		case wasi_snapshot_preview1.ModuleName:
			d, ok := wasi.ExportedFunctionDefinitions()[name]
			if !ok {
				return fmt.Errorf("it imports %s.%.80s, which does not exist", module, name)
			}
			params, results = d.ParamTypes(), d.ResultTypes()
		default:
			return fmt.Errorf("it imports %.80s.%.80s: a driver may import the modules %s and %s, nothing else", module, name, abi.Module, wasi_snapshot_preview1.ModuleName)
		}
		if !slices.Equal(f.ParamTypes(), params) || !slices.Equal(f.ResultTypes(), results) {
			return fmt.Errorf("it imports %s.%s with the wrong type", module, name)
		}
	}
	if len(code.ImportedMemories()) > 0 {
		return errors.New("it imports a memory: a driver exports its own")
	}
	if _, ok := code.ExportedMemories()["memory"]; !ok {
		return errors.New(`it exports no memory "memory"`)
	}
	i64 := api.ValueTypeI64
	for _, e := range []struct {
		name            string
		params, results []api.ValueType
	}{
		{"cloudlark_abi_version", nil, []api.ValueType{i32}},
		{"cloudlark_alloc", []api.ValueType{i32}, []api.ValueType{i32}},
		{"cloudlark_describe", nil, []api.ValueType{i64}},
		{"cloudlark_call", []api.ValueType{i32, i32}, []api.ValueType{i64}},
	} {
		f, ok := code.ExportedFunctions()[e.name]
		if !ok {
			return fmt.Errorf("it is no Cloudlark driver: it exports no function %s", e.name)
		}
		if !slices.Equal(f.ParamTypes(), e.params) || !slices.Equal(f.ResultTypes(), e.results) {
			return fmt.Errorf("its export %s is of the wrong type", e.name)
		}
	}
	return nil
}

// describe asks the module what it is, in an instance that may do nothing
// meanwhile. The instance goes on to serve calls: a language's runtime takes its
// time to start.
func (p *pool) describe(ctx context.Context) (*abi.Description, *instance, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, op.Errorf(op.Timeout, "it did not say within %v what it is", startTime))
	defer cancel()
	c := &call{caller: ctx, limits: p.limits, log: p.m.options.Logger}
	i, err := newInstance(ctx, p.rt, p.code, c, p.limits.Grace)
	if err != nil {
		return nil, nil, err
	}
	var text string
	err = i.guarded(ctx, c, p.limits.Grace, func(ctx context.Context) error {
		v, err := i.mod.ExportedFunction("cloudlark_abi_version").Call(ctx)
		if err != nil {
			return err
		}
		if n := api.DecodeI32(v[0]); n != abi.Version {
			return fmt.Errorf("it is for ABI version %d; this host has %d", n, abi.Version)
		}
		result, err := i.mod.ExportedFunction("cloudlark_describe").Call(ctx)
		if err != nil {
			return err
		}
		text, err = i.read(result[0], p.limits.Message)
		return err
	})
	var d *abi.Description
	if err == nil {
		d, err = parseDescription([]byte(text))
	}
	if err != nil {
		i.close()
		return nil, nil, err
	}
	return d, i, nil
}

// call serves one call on an instance.
func (p *pool) call(ctx context.Context, c *call, message []byte) (string, error) {
	if len(message) > p.limits.Message {
		return "", op.Errorf(op.InvalidArgument, "the arguments have %d bytes; a driver takes %d", len(message), p.limits.Message)
	}
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return "", op.AsError(context.Cause(ctx))
	case <-p.ended.Done():
		return "", context.Cause(p.ended)
	}
	// What a call hands over lives on with its caller; the call itself ends with the pool.
	c.caller = ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.ended, func() { cancel(context.Cause(p.ended)) })()
	c.ctx, c.closed = ctx, p.ended
	i, err := p.take(ctx, c)
	if err != nil {
		return "", err
	}
	answer, ok, err := i.call(ctx, c, message, p.limits.Grace)
	if !ok {
		i.close()
		return "", err
	}
	p.put(i)
	if err := depth([]byte(answer)); err != nil {
		return "", op.Errorf(op.Internal, "the driver's answer: %w", err)
	}
	return answer, nil
}

func (p *pool) take(ctx context.Context, c *call) (*instance, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		i := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return i, nil
	}
	p.mu.Unlock()
	return newInstance(ctx, p.rt, p.code, c, p.limits.Grace)
}

func (p *pool) put(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		i.close()
		return
	}
	i.used = time.Now()
	p.idle = append(p.idle, i)
	if p.timer == nil && !p.stateful {
		p.timer = time.AfterFunc(p.limits.Idle, p.release)
	}
}

// release closes the instances that nobody has used for the time of Limits.Idle.
func (p *pool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	old := time.Now().Add(-p.limits.Idle)
	n := 0 // the longest idle are first
	for n < len(p.idle) && !p.idle[n].used.After(old) {
		p.idle[n].close()
		n++
	}
	p.idle = slices.Delete(p.idle, 0, n)
	p.timer = nil
	if len(p.idle) > 0 {
		p.timer = time.AfterFunc(time.Until(p.idle[0].used.Add(p.limits.Idle)), p.release)
	}
}

var errClosed = op.Errorf(op.Canceled, "the driver's module was closed")

// close ends what goes and releases everything.
func (p *pool) close() error {
	p.end(errClosed)
	for range cap(p.turns) { // every call is over
		p.turns <- struct{}{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.idle = nil
	return p.rt.Close(context.Background())
}

// Values in a message: two bytes can be one of many hundred in the host's memory.
const (
	maxValues = 1 << 20
	maxItems  = 100_000 // in one list
)

// depth refuses JSON that is nested deeper than anybody needs, or has more
// values: who reads it recursively should not be led to the end of the stack,
// nor of memory.
func depth(data []byte) error {
	level, quoted := 0, false
	values, items := 0, [maxDepth + 1]int{}
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case quoted:
			switch b {
			case '\\':
				i++
			case '"':
				quoted = false
			}
		case b == '"':
			quoted = true
		case b == '{' || b == '[':
			if level++; level > maxDepth {
				return fmt.Errorf("it is nested more than %d deep", maxDepth)
			}
			items[level] = 0
		case b == '}' || b == ']':
			level = max(0, level-1)
		case b == ',':
			if values++; values >= maxValues {
				return fmt.Errorf("it has more than %d values", maxValues)
			}
			if items[level]++; items[level] >= maxItems {
				return fmt.Errorf("it has a list of more than %d items", maxItems)
			}
		}
	}
	return nil
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// toValid makes text of bytes.
func toValid(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
