package wasm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// An instance is a module with a memory of its own. It serves one call at a
// time, and is done for after a trap, an exit, or a call that had to be ended.
type instance struct {
	mod         api.Module
	alloc, main api.Function
	memory      api.Memory
	out, errors *logWriter // its standard output and error
	now         atomic.Pointer[call]
	stack       [2]uint64
	used        time.Time
}

func (i *instance) current() *call {
	if c := i.now.Load(); c != nil {
		return c
	}
	return &call{log: slog.New(slog.DiscardHandler)} // between calls nobody listens
}

// newInstance makes an instance, and lets its language's runtime begin.
func newInstance(ctx context.Context, rt wazero.Runtime, code wazero.CompiledModule, c *call, grace time.Duration) (*instance, error) {
	i := &instance{}
	i.errors = &logWriter{i: i, level: slog.LevelWarn}
	i.out = &logWriter{i: i, level: slog.LevelDebug}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions().
		WithStdout(i.out).WithStderr(i.errors).
		WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime().WithNanosleep(i.nanosleep).
		WithOsyield(func() {})
	c.ctx = ctx
	err := i.guarded(ctx, c, grace, func(ctx context.Context) (err error) {
		if i.mod, err = rt.InstantiateModule(ctx, code, config); err != nil {
			return err
		}
		if f := i.mod.ExportedFunction("_initialize"); f != nil {
			_, err = f.Call(ctx)
		}
		return err
	})
	if err != nil {
		if i.mod != nil {
			i.close()
		}
		return nil, err
	}
	i.memory = i.mod.Memory()
	i.alloc, i.main = i.mod.ExportedFunction("cloudlark_alloc"), i.mod.ExportedFunction("cloudlark_call")
	return i, nil
}

// nanosleep is how a guest's runtime waits. It ends early when the call is
// given up; a guest that then waits again is not let to spin.
func (i *instance) nanosleep(ns int64) {
	ctx := i.current().context()
	if ctx.Err() != nil {
		time.Sleep(min(time.Duration(ns), time.Millisecond))
		return
	}
	timer := time.NewTimer(time.Duration(ns))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// guarded runs f, which calls into the instance. When ctx ends, f has the time
// of grace; then the instance is ended, wherever it is. The error is then that
// of ctx, whatever f says.
func (i *instance) guarded(ctx context.Context, c *call, grace time.Duration, f func(context.Context) error) error {
	i.now.Store(c)
	defer i.now.Store(nil)
	defer i.out.flush()
	defer i.errors.flush() // a line that has no end is not the next call's
	i.errors.first = ""
	// wazero ends an instance whose context ends: so it gets one that ends later.
	hard, end := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), callKey{}, c))
	defer end()
	c.hard = hard
	var timer atomic.Pointer[time.Timer]
	stop := context.AfterFunc(ctx, func() { timer.Store(time.AfterFunc(grace, end)) })
	err := f(hard)
	if !stop() {
		if t := timer.Load(); t != nil {
			t.Stop()
		}
	}
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		e := *op.AsError(cause)
		e.Message = "the driver did not stop by itself and was ended: " + e.Message
		return &e
	}
	return i.trapped(c, err)
}

// trapped says how an instance came to its end.
func (i *instance) trapped(c *call, err error) error {
	i.errors.flush()
	message, trace, _ := strings.Cut(err.Error(), "\n")
	c.log.Debug("the driver's instance ended", slog.String("error", message), slog.String("trace", trace))
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		message = fmt.Sprintf("it exited with code %d", exit.ExitCode())
	}
	message, _, _ = strings.Cut(message, " (recovered by wazero)")
	why := i.errors.first
	if why == "" {
		why = c.complaint
	}
	if why != "" {
		message += fmt.Sprintf(" (%.300s)", why)
	}
	return op.Errorf(op.Internal, "the driver broke down: %s", message)
}

// call hands a message to the guest and returns its answer. ok is false when
// the instance cannot be used again.
func (i *instance) call(ctx context.Context, c *call, message []byte, grace time.Duration) (answer string, ok bool, err error) {
	err = i.guarded(ctx, c, grace, func(ctx context.Context) error {
		i.stack[0] = api.EncodeU32(uint32(len(message)))
		if err := i.alloc.CallWithStack(ctx, i.stack[:]); err != nil {
			return err
		}
		ptr := uint32(i.stack[0])
		if ptr == 0 {
			return errors.New("it has no memory for a message")
		}
		if !i.memory.Write(ptr, message) {
			return fmt.Errorf("cloudlark_alloc answered with the address %d, where a memory of %d bytes has no room for %d", ptr, i.memory.Size(), len(message))
		}
		i.stack[0], i.stack[1] = uint64(ptr), uint64(len(message))
		if err := i.main.CallWithStack(ctx, i.stack[:]); err != nil {
			return err
		}
		answer, err = i.read(i.stack[0], c.limits.Message)
		return err
	})
	return answer, err == nil, err
}

// read copies a result out of the guest's memory.
func (i *instance) read(result uint64, limit int) (string, error) {
	ptr, n := uint32(result>>32), uint32(result)
	if int64(n) > int64(limit) {
		return "", fmt.Errorf("its answer of %d bytes is longer than a message may be (%d bytes)", n, limit)
	}
	b, ok := i.memory.Read(ptr, n)
	if !ok {
		return "", fmt.Errorf("its answer of %d bytes at %d is not in its memory of %d bytes", n, ptr, i.memory.Size())
	}
	return string(b), nil
}

func (i *instance) close() { _ = i.mod.Close(context.Background()) }
