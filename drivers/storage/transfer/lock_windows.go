package transfer

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// lock reports whether the file is this opening's alone, or taken; neither is where
// the file system has no locks. The lock ends when the file is closed, and so with
// the process. It is on a byte far behind what a file can hold, since Windows lets
// nobody else read what is locked.
func lock(f *os.File) (mine, taken bool) {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
		&windows.Overlapped{Offset: math.MaxUint32, OffsetHigh: math.MaxInt32})
	return err == nil, err == windows.ERROR_LOCK_VIOLATION
}

// isFull reports whether there is no room.
func isFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
