// Package builtins is what a script sees: the operation table as Starlark.
//
// Nothing here knows an operation. From a family's table follow the builtin
// (compute), what it opens (a connection, family.go), its operations with their
// keyword arguments (call.go), and the values they answer with:
//
//	record        a contract's struct: attributes, methods, wait        record.go, wait.go
//	lazy list     the items of a list row, fetched when needed          list.go
//	stream        the body of an object                                 stream.go
//	secret        prints as [redacted]                                  record.go
//
// Around them stand the builtins of the language that clouds need: attempt,
// parallel, params, sleep, load. What is not about clouds is in builtins/lib, and
// what keeps a script from taking the process down is in builtins/guard.
//
// # A run
//
// A run is one execution of a script, with its limits. It has a thread for the
// script and one for every call of parallel; each has a scope (scope.go), which
// knows the context, takes steps from the run's one budget, and carries errors
// that Starlark cannot: those of an iterator.
package builtins

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Options is what a run has. Open is required, the rest may be zero.
type Options struct {
	// Open opens a connection of the family by the name of a connection or a
	// driver. Whoever provides it closes the connection.
	Open func(ctx context.Context, f *op.Family, name string, config map[string]any) (*drivers.Conn, error)

	Families []*op.Family // which builtins exist: compute, storage, lb, container

	FS     fs.FS          // the script's root: nothing outside is loaded
	Path   string         // the script in it
	Params map[string]any // values for params; a string is read as the type declared

	Stdout   io.Writer    // print and table; discarded if nil
	Logger   *slog.Logger // log; discarded if nil
	Progress func(Event)  // waits, for a person to watch; may be nil

	Transfers   string // a folder for what is needed to resume uploads; without it they are begun anew
	Grants      lib.Grants
	KnownHosts  string // the file of machines' SSH host keys; without it, scripts must name a machine's key
	Limits      Limits
	Predeclared starlark.StringDict // further names
}

// Limits end a script that runs wild. Zero is no limit.
type Limits struct {
	Steps    uint64 // of the interpreter, in all threads together
	Parallel int    // threads at once, in all calls of parallel together
	Output   int64  // bytes printed
	Memory   int64  // bytes that the process's heap may grow by while the script runs
}

// Stats is what a run took.
type Stats struct{ Steps uint64 }

// An Event is progress that a person may want to watch.
type Event struct {
	Kind    string // "wait" or "transfer"
	What    string // `node "web-1"`
	State   string // of a wait: the last that was seen
	Bytes   int64  // of a transfer: so far
	Total   int64  // of a transfer; 0 if not known
	Elapsed time.Duration
	Done    bool
}

// Exec runs a script and returns its globals, frozen. The error is an *Error.
func Exec(ctx context.Context, o Options) (starlark.StringDict, Stats, error) {
	r := newRun(ctx, o)
	defer r.close()
	globals, err := r.module(r.main, o.Path)
	return globals, Stats{Steps: r.steps()}, r.explain(r.main, err)
}
