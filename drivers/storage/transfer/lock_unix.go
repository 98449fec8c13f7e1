//go:build unix

package transfer

import (
	"errors"
	"os"
	"syscall"
)

// lock reports whether the file is this opening's alone. The lock ends when the
// file is closed, and so with the process.
func lock(f *os.File) bool { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil }

// isFull reports whether there is no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
