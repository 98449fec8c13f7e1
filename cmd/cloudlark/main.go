// Cloudlark runs Starlark scripts that work with any cloud.
//
// The command is thin: each subcommand is one file, which reads flags, asks the
// host or the table, and prints. See `cloudlark --help`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(command())
}

// command runs with what a process has, and returns its exit code.
func command() (code int) {
	// A defect of the command is told as one, and not as a page of addresses.
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(os.Stderr, "error: a defect of cloudlark: %v\n", r)
			code = exitFailed
		}
	}()
	// The first interrupt ends what runs; the second ends the process, because
	// nobody waits for it any more.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
}
