//go:build !wasip1

package sdk

import (
	"log/slog"
	"time"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A driver's tests are built natively, where there is no host: whatever asks
// one is told so.
var errNoHost error = op.Errorf(op.Unsupported, "there is no Cloudlark host outside of a WebAssembly module: give the driver a transport of its own")

func send([]byte, []byte, int32) (int32, error) { return 0, errNoHost }
func head(int32, *abi.Head) error               { return errNoHost }
func presign([]byte, *abi.Presigned) error      { return errNoHost }
func newStream() (int32, error)                 { return 0, errNoHost }
func take(int32, int64) (int32, error)          { return 0, errNoHost }
func digest(int32, string) (string, error)      { return "", errNoHost }
func read(int32, []byte) (int, error)           { return 0, errNoHost }
func write(int32, []byte) error                 { return errNoHost }
func info(int32) (abi.Info, error)              { return abi.Info{}, errNoHost }
func release(int32)                             {}
func givenUp() bool                             { return false }
func hostSleep(d time.Duration) error           { time.Sleep(d); return nil }
func hostLog(level slog.Level, text string)     {}
