//go:build unix

package transfer

import (
	"errors"
	"os"
	"syscall"
)

// lock reports whether the file is this opening's alone, or taken; neither is where
// the file system has no locks. The lock ends when the file is closed, and so with
// the process.
func lock(f *os.File) (mine, taken bool) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return err == nil, err == syscall.EWOULDBLOCK
}

// isFull reports whether there is no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
