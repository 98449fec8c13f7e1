package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// The functions that a guest imports: see docs/driver-abi.md. Each finds its
// call in the context that the instance was called with.

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

const i32 = api.ValueTypeI32

// An hostFunc answers with -1 and notes the error if there is one.
type hostFunc struct {
	params []api.ValueType
	f      func(c *call, m guestMemory, args []uint64) (int32, error)
}

var hostFuncs = map[string]hostFunc{
	"http_send":     {[]api.ValueType{i32, i32, i32, i32, i32}, httpSend},
	"http_head":     {[]api.ValueType{i32, i32, i32}, httpHead},
	"http_presign":  {[]api.ValueType{i32, i32, i32, i32}, httpPresign},
	"stream_new":    {nil, streamNew},
	"stream_take":   {[]api.ValueType{i32, api.ValueTypeI64}, streamTake},
	"stream_digest": {[]api.ValueType{i32, i32, i32, i32, i32}, streamDigest},
	"stream_read":   {[]api.ValueType{i32, i32, i32}, streamRead},
	"stream_write":  {[]api.ValueType{i32, i32, i32}, streamWrite},
	"stream_info":   {[]api.ValueType{i32, i32, i32}, streamInfo},
	"close":         {[]api.ValueType{i32}, closeHandle},
	"sleep":         {[]api.ValueType{i32}, sleep},
}

// addHostModule makes the host's module in a runtime.
func addHostModule(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(abi.Module)
	for name, h := range hostFuncs {
		b.NewFunctionBuilder().WithName(name).WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
			c := callOf(ctx)
			n, err := h.f(c, guestMemory{mod.Memory()}, stack)
			if err != nil {
				n = c.fail(err)
			}
			stack[0] = api.EncodeI32(n)
		}), h.params, []api.ValueType{i32}).Export(name)
	}
	b.NewFunctionBuilder().WithName("log").WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
		logText(callOf(ctx), guestMemory{mod.Memory()}, stack)
	}), []api.ValueType{i32, i32, i32}, nil).Export("log")
	b.NewFunctionBuilder().WithName("last_error").WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
		// Not a failure of its own: what it tells would be lost.
		n, err := guestMemory{mod.Memory()}.answer(stack[0], stack[1], callOf(ctx).failed)
		if err != nil {
			n = -1
		}
		stack[0] = api.EncodeI32(n)
	}), []api.ValueType{i32, i32}, []api.ValueType{i32}).Export("last_error")
	_, err := b.Instantiate(ctx)
	return err
}

// guestMemory is a guest's memory, every access checked.
type guestMemory struct{ api.Memory }

// bytes is a view of the memory, valid until the guest goes on.
func (m guestMemory) bytes(ptr, n uint64) ([]byte, error) {
	p, l := uint32(ptr), uint32(n)
	if l == 0 {
		return nil, nil
	}
	if m.Memory == nil {
		return nil, op.Errorf(op.Internal, "the driver has no memory")
	}
	b, ok := m.Read(p, l)
	if !ok {
		return nil, op.Errorf(op.Internal, "the driver named %d bytes at %d, which are not in its memory of %d bytes", l, p, m.Size())
	}
	return b, nil
}

// answer writes v as JSON if there is room, and returns its length.
func (m guestMemory) answer(ptr, capacity uint64, v any) (int32, error) {
	room, err := m.bytes(ptr, capacity)
	if err != nil {
		return 0, err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	if len(data) <= len(room) {
		copy(room, data)
	}
	return int32(len(data)), nil
}

func httpSend(c *call, m guestMemory, args []uint64) (int32, error) {
	message, err := m.bytes(args[0], args[1])
	if err != nil {
		return 0, err
	}
	if len(message) > c.limits.Message {
		return 0, op.Errorf(op.Internal, "http_send: the request has more than %d bytes", c.limits.Message)
	}
	inline, err := m.bytes(args[2], args[3])
	if err != nil {
		return 0, err
	}
	if len(inline) > c.limits.Message {
		return 0, op.Errorf(op.Internal, "http_send: the body has more than %d bytes: send it as a stream", c.limits.Message)
	}
	if err := c.room(); err != nil {
		return 0, err
	}
	var body payload
	var memory *held
	if handle := int32(args[4]); handle != 0 {
		switch t := c.things[handle].(type) {
		case *source:
			body = payload{source: t}
		case *held:
			body, memory = payload{data: t.data, held: t}, c.keep(t)
		case *spool:
			body = payload{spool: t}
		case *exchange: // the body of a response, on its way from one provider's server to another
			if err := t.wait(c.ctx); err != nil {
				return 0, err
			}
			body = payload{source: t.body}
		default:
			return 0, noHandle(handle)
		}
	} else if len(inline) > 0 && c.net != nil {
		if err := c.reserve(int64(len(inline))); err != nil {
			return 0, err
		}
		memory = c.keep(&held{data: bytes.Clone(inline)})
		body.data = memory.data
	}
	handle, err := c.begin(message, body, memory)
	if err != nil && memory != nil {
		c.unkeep(memory)
	}
	return handle, err
}

func noHandle(handle int32) error {
	return op.Errorf(op.Internal, "there is no handle %d in this call", handle)
}

func (c *call) exchange(handle uint64) (*exchange, error) {
	x, ok := c.things[int32(handle)].(*exchange)
	if !ok {
		return nil, noHandle(int32(handle))
	}
	return x, x.wait(c.ctx)
}

func httpHead(c *call, m guestMemory, args []uint64) (int32, error) {
	x, err := c.exchange(args[0])
	if err != nil {
		return 0, err
	}
	return m.answer(args[1], args[2], x.head())
}

func httpPresign(c *call, m guestMemory, args []uint64) (int32, error) {
	if c.net == nil {
		return 0, c.denied("http_presign")
	}
	message, err := m.bytes(args[0], args[1])
	if err != nil {
		return 0, err
	}
	if len(message) > c.limits.Message {
		return 0, op.Errorf(op.Internal, "http_presign: the request has more than %d bytes", c.limits.Message)
	}
	var p abi.Presign
	if err := json.Unmarshal(message, &p); err != nil {
		return 0, op.Errorf(op.Internal, "http_presign: %w", err)
	}
	slot, ok := c.net.slots[p.Auth]
	if !ok {
		return 0, op.Errorf(op.Internal, "http_presign: the driver has no credential %.40q", p.Auth)
	}
	signed, err := slot.presign(c.ctx, p)
	if err != nil {
		return 0, err
	}
	return m.answer(args[2], args[3], signed)
}

func streamNew(c *call, _ guestMemory, _ []uint64) (int32, error) {
	if c.net == nil {
		return 0, c.denied("stream_new")
	}
	if c.spools >= maxSpools {
		return 0, op.Errorf(op.Internal, "the driver has %d streams of its own open in one call", maxSpools)
	}
	if err := c.room(); err != nil {
		return 0, err
	}
	c.spools++
	return c.add(&spool{}), nil
}

const maxTake = 64 << 20

func streamTake(c *call, _ guestMemory, args []uint64) (int32, error) {
	handle, n := int32(args[0]), int64(args[1])
	if n < 0 || n > maxTake {
		return 0, op.Errorf(op.Internal, "stream_take: %d bytes are not from 0 to %d", n, maxTake)
	}
	s, err := c.readable(handle)
	if err != nil {
		return 0, err
	}
	if err := c.room(); err != nil {
		return 0, err
	}
	if err := c.reserve(n); err != nil {
		return 0, err
	}
	data, crc, err := s.take(n, c.spare.take())
	if err != nil {
		return 0, bodyError(err)
	}
	return c.add(c.keep((&held{data: data, crc: crc, spare: &c.spare}).use())), nil
}

// readable is the source behind a handle.
func (c *call) readable(handle int32) (*source, error) {
	switch t := c.things[handle].(type) {
	case *source:
		return t, nil
	case *exchange:
		if err := t.wait(c.ctx); err != nil {
			return nil, err
		}
		return t.body, nil
	}
	return nil, noHandle(handle)
}

// bodyError is why a body could not be read.
func bodyError(err error) error {
	return &op.Error{Kind: op.KindOf(err), Message: "reading the body: " + op.AsError(err).Message, Err: err}
}

func streamDigest(c *call, m guestMemory, args []uint64) (int32, error) {
	algorithm, err := m.bytes(args[1], args[2])
	if err != nil {
		return 0, err
	}
	var sum string
	switch t := c.things[int32(args[0])].(type) {
	case *held:
		sum, err = digest(string(algorithm), until{c.hard, bytes.NewReader(t.data)})
	case *spool:
		r, _ := t.reader()
		sum, err = digest(string(algorithm), until{c.hard, r})
	default:
		err = op.Errorf(op.Internal, "stream_digest: the handle %d is of no stream that the host holds", int32(args[0]))
	}
	if err != nil {
		return 0, err
	}
	room, err := m.bytes(args[3], args[4])
	if err != nil {
		return 0, err
	}
	if len(sum) <= len(room) {
		copy(room, sum)
	}
	return int32(len(sum)), nil
}

// until reads until its context ends.
type until struct {
	ctx context.Context
	io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}

func streamRead(c *call, m guestMemory, args []uint64) (int32, error) {
	s, err := c.readable(int32(args[0]))
	if err != nil {
		return 0, err
	}
	room, err := m.bytes(args[1], uint64(min(uint32(args[2]), maxTake)))
	if err != nil || len(room) == 0 {
		return 0, err
	}
	n, err := s.Read(room)
	if n > 0 || err == nil {
		return int32(n), nil
	}
	if isEOF(err) {
		return 0, nil
	}
	return 0, bodyError(err)
}

func streamWrite(c *call, m guestMemory, args []uint64) (int32, error) {
	s, ok := c.things[int32(args[0])].(*spool)
	if !ok {
		return 0, op.Errorf(op.Internal, "stream_write: the handle %d is of no stream that the driver made", int32(args[0]))
	}
	data, err := m.bytes(args[1], args[2])
	if err != nil {
		return 0, err
	}
	if c.spooled += int64(len(data)); c.spooled > c.limits.Spool {
		return 0, op.Errorf(op.Internal, "the driver wrote more than %d bytes of bodies in one call", c.limits.Spool)
	}
	if err := s.write(data); err != nil {
		return 0, op.Errorf(op.Internal, "the host cannot keep the body: %w", err)
	}
	return int32(len(data)), nil
}

func streamInfo(c *call, m guestMemory, args []uint64) (int32, error) {
	handle := int32(args[0])
	switch t := c.things[handle].(type) {
	case *held:
		return m.answer(args[1], args[2], t.info())
	case *spool:
		return m.answer(args[1], args[2], t.info())
	}
	s, err := c.readable(handle)
	if err != nil {
		return 0, err
	}
	return m.answer(args[1], args[2], s.info(s.peek()))
}

func closeHandle(c *call, _ guestMemory, args []uint64) (int32, error) {
	if !c.drop(int32(args[0])) {
		return 0, noHandle(int32(args[0]))
	}
	return 0, nil
}

// sleep waits, or until the call is given up. sleep(0) only asks.
func sleep(c *call, _ guestMemory, args []uint64) (int32, error) {
	if err := c.context().Err(); err != nil {
		return 0, err
	}
	if ms := int32(args[0]); ms > 0 {
		timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-c.context().Done():
			return 0, c.context().Err()
		case <-timer.C:
		}
	}
	return 0, nil
}

var levels = []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

func logText(c *call, m guestMemory, args []uint64) {
	text, err := m.bytes(args[1], uint64(min(uint32(args[2]), maxLine)))
	if err != nil {
		return
	}
	level := levels[min(uint32(args[0]), 3)]
	if level == slog.LevelError {
		c.complaint = toValid(text)
	}
	c.logLine(level, toValid(text))
}
