package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"strings"
	"sync"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Script is what to run.
type Script struct {
	FS     fs.FS          // the root: load reaches nothing outside
	Path   string         // the script in it: "reports/inventory.star"
	Params map[string]any // values for what it declares with params; a string is read as the type declared
}

// A Result is what a run leaves.
type Result struct {
	// Globals are the script's own, as Go values: nil, bool, int64, float64,
	// string, []any, map[string]any, a contract's struct for a record, … Names that
	// begin with "_", and what has no value outside the script, are left out:
	// functions, connections, lists that were not read to their end.
	Globals map[string]any
	Steps   uint64    // taken by the interpreter
	Created []Created // what the run made and did not delete again, in order
}

// Run runs a script. The Result is never nil: also of a run that failed it
// says what was created. The error is a [*builtins.Error] with the place in the
// script, and an [*op.Error] where an operation failed or the run was cut off;
// one that was cut off, of kind canceled or timeout, says what is still there.
func (h *Host) Run(ctx context.Context, s Script) (*Result, error) {
	ctx, end, err := h.begin(ctx, h.limits.Time)
	if err != nil {
		return &Result{}, err
	}
	defer end()
	r := &run{host: h}
	defer r.close()
	globals, stats, err := builtins.Exec(ctx, r.options(s))
	res := &Result{Steps: stats.Steps, Created: r.journal.list()}
	if err != nil {
		return res, cutOff(ctx, err, res.Created)
	}
	res.Globals = exported(globals)
	return res, nil
}

// Params returns what a script declares with params. Nothing else of it runs.
func (h *Host) Params(ctx context.Context, s Script) ([]builtins.Param, error) {
	ctx, end, err := h.begin(ctx, h.limits.Time)
	if err != nil {
		return nil, err
	}
	defer end()
	return builtins.Declared(ctx, (&run{host: h}).options(s))
}

// A run is what one script, or one session, has of its own.
type run struct {
	host    *Host
	journal journal

	mu  sync.Mutex
	own []owned
}

// owned is a connection with configuration of its own.
type owned struct {
	target target
	config map[string]any
	conn   *drivers.Conn
}

func (r *run) options(s Script) builtins.Options {
	h := r.host
	return builtins.Options{
		Open: r.open, Families: h.families,
		FS: s.FS, Path: s.Path, Params: s.Params,
		Stdout: h.o.Stdout, Logger: h.o.Logger, Progress: h.o.Progress,
		Grants:      lib.Grants{Env: h.grants.Env, Read: h.grants.Read, Write: h.grants.Write, HTTP: h.grants.HTTP, SSH: h.grants.SSH},
		KnownHosts:  h.o.KnownHosts,
		Transfers:   h.o.Transfers,
		Limits:      builtins.Limits{Steps: h.limits.Steps, Parallel: h.limits.Parallel, Output: h.limits.Output, Memory: h.limits.Memory},
		Predeclared: maps.Clone(h.o.Builtins),
	}
}

// open opens a connection whose calls are in the run's journal. One that has
// configuration of its own is opened once, however often the script asks.
func (r *run) open(ctx context.Context, f *op.Family, name string, config map[string]any) (*drivers.Conn, error) {
	p, err := r.host.find(f, name)
	if err != nil {
		return nil, err
	}
	if len(config) == 0 {
		conn, err := r.host.openConn(ctx, f, name, nil)
		if err != nil {
			return nil, err
		}
		return conn.With(r.mine), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := target{p, name}
	for _, o := range r.own {
		if o.target == t && reflect.DeepEqual(o.config, config) {
			return o.conn, nil
		}
	}
	conn, err := r.host.openConn(ctx, f, name, config)
	if err != nil {
		return nil, err
	}
	conn = conn.With(r.mine)
	r.own = append(r.own, owned{t, config, conn})
	return conn, nil
}

// mine marks a request as the run's, for journaled.
func (r *run) mine(ctx context.Context, q *op.Request, next op.Handler) (any, error) {
	return next(context.WithValue(ctx, journalKey{}, &r.journal), q)
}

// close closes the run's own connections. What the shared ones fail with is
// said by Host.Close; what these fail with goes to the log, for the run is over.
func (r *run) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.own {
		if err := o.conn.Close(); err != nil {
			r.host.log.Warn("close", "connection", o.conn.Name, "error", err)
		}
	}
	r.own = nil
}

// cutOff completes the error of a run that did not come to its end by itself
// with what it leaves behind.
func cutOff(ctx context.Context, err error, created []Created) error {
	cause := context.Cause(ctx)
	if cause == nil {
		return err
	}
	message := "the run was interrupted"
	if e, ok := errors.AsType[*op.Error](cause); ok {
		message = e.Message
	}
	return &op.Error{Kind: op.KindOf(ctx.Err()), Message: message + stillThereText(created), Err: err}
}

// mostTold is how many things a message tells one by one.
const mostTold = 20

func stillThereText(created []Created) string {
	if len(created) == 0 {
		return ""
	}
	words := make([]string, 0, mostTold)
	for i, c := range created {
		if i == mostTold {
			words = append(words, fmt.Sprintf("and %d more", len(created)-i))
			break
		}
		words = append(words, c.String())
	}
	return "; it created and left: " + strings.Join(words, ", ")
}

// exported are the globals that mean something outside the script.
func exported(globals starlark.StringDict) map[string]any {
	out := make(map[string]any, len(globals))
	for name, v := range globals {
		if strings.HasPrefix(name, "_") {
			continue
		}
		if _, ok := v.(starlark.Callable); ok {
			continue
		}
		if g, err := builtins.ToGo(v); err == nil {
			out[name] = g
		}
	}
	return out
}
