//go:build !unix && !windows

package transfer

import "os"

// lock: two processes that write the same object into the same place at once are
// not told apart here. What they write is the same.
func lock(*os.File) bool { return true }

func isFull(error) bool { return false }
