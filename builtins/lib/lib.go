// Package lib is what scripts have that is not about clouds: json, re, hash,
// base64, table, log, and, as far as it is granted, the environment, files and
// HTTP. One builtin family is one file.
package lib

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/builtins/guard"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Options is what the builtins work with.
type Options struct {
	Grants Grants
	Stdout io.Writer
	Logger *slog.Logger
}

// Grants is what a script may reach beside clouds. Nothing is granted by default.
type Grants struct {
	Env   []string // names of environment variables, with * for any part: "BACKUP_*"
	Read  []string // folders, or single files, that may be read
	Write []string // folders that may be written to, and read
	HTTP  []string // hosts: "hooks.example.net", "*.example.net", "127.0.0.1:8080"
	SSH   []string // hosts: "*.example.net", "203.0.113.7", "10.0.0.0/8", "*"
}

// Predeclared are the builtins by name.
func Predeclared(o Options) starlark.StringDict {
	names := starlark.StringDict{
		"json":   jsonModule,
		"re":     reModule(),
		"hash":   hashModule,
		"base64": base64Module,
		"table":  starlark.NewBuiltin("table", table(o.Stdout)),
		"log":    logModule(o.Logger),
		"env":    starlark.NewBuiltin("env", env(o.Grants.Env)),
		"http":   httpModule(o.Grants.HTTP),
	}
	f := files{read: slices.Concat(o.Grants.Read, o.Grants.Write), write: o.Grants.Write}
	for _, b := range f.builtins() {
		names[b.Name()] = b
	}
	return names
}

// SetContext gives a thread the context that its builtins work under.
func SetContext(t *starlark.Thread, ctx context.Context) { guard.SetContext(t, ctx) }

// Context returns the thread's context.
func Context(t *starlark.Thread) context.Context { return guard.Context(t) }

// Duration reads "5m", a number of seconds, or a duration of the time module.
func Duration(v starlark.Value, missing time.Duration) (time.Duration, error) {
	switch v := v.(type) {
	case nil, starlark.NoneType:
		return missing, nil
	case startime.Duration:
		return time.Duration(v), nil
	case starlark.String:
		return op.ParseDuration(string(v))
	}
	if seconds, ok := starlark.AsFloat(v); ok {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	return 0, fmt.Errorf("want a string like \"5m\" or a number of seconds, not %s", v.Type())
}

type function = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

func module(name string, functions map[string]function) *starlarkstruct.Module {
	m := &starlarkstruct.Module{Name: name, Members: starlark.StringDict{}}
	for f, impl := range functions {
		m.Members[f] = starlark.NewBuiltin(name+"."+f, impl)
	}
	m.Freeze()
	return m
}
