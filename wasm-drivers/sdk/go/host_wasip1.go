package sdk

import (
	"encoding/json"
	"log/slog"
	"time"
	"unsafe"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

//go:wasmimport cloudlark http_send
func httpSend(ptr unsafe.Pointer, n uint32, body unsafe.Pointer, bodyLen uint32, stream int32) int32

//go:wasmimport cloudlark http_head
func httpHead(handle int32, ptr unsafe.Pointer, room uint32) int32

//go:wasmimport cloudlark http_presign
func httpPresign(ptr unsafe.Pointer, n uint32, out unsafe.Pointer, room uint32) int32

//go:wasmimport cloudlark stream_new
func streamNew() int32

//go:wasmimport cloudlark stream_take
func streamTake(handle int32, n int64) int32

//go:wasmimport cloudlark stream_digest
func streamDigest(handle int32, algorithm unsafe.Pointer, n uint32, ptr unsafe.Pointer, room uint32) int32

//go:wasmimport cloudlark stream_read
func streamRead(handle int32, ptr unsafe.Pointer, room uint32) int32

//go:wasmimport cloudlark stream_write
func streamWrite(handle int32, ptr unsafe.Pointer, n uint32) int32

//go:wasmimport cloudlark stream_info
func streamInfo(handle int32, ptr unsafe.Pointer, room uint32) int32

//go:wasmimport cloudlark close
func closeHandle(handle int32) int32

//go:wasmimport cloudlark log
func logText(level int32, ptr unsafe.Pointer, n uint32)

//go:wasmimport cloudlark sleep
func sleepMS(ms int32) int32

//go:wasmimport cloudlark last_error
func lastErrorJSON(ptr unsafe.Pointer, room uint32) int32

func address(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// answer calls a function of the host that writes JSON, with more room if it
// asks for it, and reads the JSON.
func answer(what string, v any, f func(ptr unsafe.Pointer, room uint32) int32) error {
	text, err := text(f)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return unexpected(what, err)
	}
	return nil
}

func text(f func(ptr unsafe.Pointer, room uint32) int32) ([]byte, error) {
	room := make([]byte, 2048)
	for {
		n := f(address(room), uint32(len(room)))
		switch {
		case n < 0:
			return nil, lastError()
		case int(n) <= len(room):
			return room[:n], nil
		}
		room = make([]byte, n)
	}
}

// lastError is why the last function of the host failed.
func lastError() error {
	room := make([]byte, 1024)
	for {
		n := lastErrorJSON(address(room), uint32(len(room)))
		if n < 0 {
			return op.Errorf(op.Internal, "the host does not say why it failed")
		}
		if int(n) > len(room) {
			room = make([]byte, n)
			continue
		}
		var e abi.Error
		if err := json.Unmarshal(room[:n], &e); err != nil {
			return unexpected("last_error", err)
		}
		return e.Op()
	}
}

func send(message, body []byte, stream int32) (int32, error) {
	h := httpSend(address(message), uint32(len(message)), address(body), uint32(len(body)), stream)
	if h < 0 {
		return 0, lastError()
	}
	return h, nil
}

func head(handle int32, h *abi.Head) error {
	return answer("http_head", h, func(ptr unsafe.Pointer, room uint32) int32 { return httpHead(handle, ptr, room) })
}

func presign(message []byte, p *abi.Presigned) error {
	return answer("http_presign", p, func(ptr unsafe.Pointer, room uint32) int32 {
		return httpPresign(address(message), uint32(len(message)), ptr, room)
	})
}

func newStream() (int32, error) { return orError(streamNew()) }

func take(handle int32, n int64) (int32, error) { return orError(streamTake(handle, n)) }

func digest(handle int32, algorithm string) (string, error) {
	b, err := text(func(ptr unsafe.Pointer, room uint32) int32 {
		return streamDigest(handle, unsafe.Pointer(unsafe.StringData(algorithm)), uint32(len(algorithm)), ptr, room)
	})
	return string(b), err
}

func read(handle int32, p []byte) (int, error) {
	n, err := orError(streamRead(handle, address(p), uint32(len(p))))
	return int(n), err
}

func write(handle int32, p []byte) error {
	_, err := orError(streamWrite(handle, address(p), uint32(len(p))))
	return err
}

func info(handle int32) (i abi.Info, err error) {
	err = answer("stream_info", &i, func(ptr unsafe.Pointer, room uint32) int32 { return streamInfo(handle, ptr, room) })
	return i, err
}

func release(handle int32) { closeHandle(handle) }

func orError(n int32) (int32, error) {
	if n < 0 {
		return 0, lastError()
	}
	return n, nil
}

func givenUp() bool { return sleepMS(0) < 0 }

func hostSleep(d time.Duration) error {
	_, err := orError(sleepMS(int32(min(d.Milliseconds(), 1<<31-1))))
	return err
}

func hostLog(level slog.Level, text string) {
	n := int32(0)
	switch {
	case level >= slog.LevelError:
		n = 3
	case level >= slog.LevelWarn:
		n = 2
	case level >= slog.LevelInfo:
		n = 1
	}
	logText(n, unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
}

// An unexpected answer of the host is a defect of it or of this package.
func unexpected(what string, err error) error {
	return op.Errorf(op.Internal, "%s: the host's answer is not what its ABI says: %w", what, err)
}
