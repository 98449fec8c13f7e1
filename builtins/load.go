package builtins

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"go.starlark.net/lib/math"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/builtins/guard"
	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Dialect is the Starlark that scripts are written in. Recursion is off: a deep
// one could take an embedding process down.
var Dialect = &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}

// names are the predeclared names of a run.
func (r *run) names() starlark.StringDict {
	names := starlark.StringDict{
		"attempt":  starlark.NewBuiltin("attempt", attempt),
		"parallel": starlark.NewBuiltin("parallel", parallel),
		"param":    starlark.NewBuiltin("param", newParam),
		"params":   starlark.NewBuiltin("params", r.params),
		"sleep":    starlark.NewBuiltin("sleep", sleep),
		"struct":   starlark.NewBuiltin("struct", starlarkstruct.Make),
		"math":     math.Module,
		"time":     startime.Module,
	}
	names["ssh"] = r.sshModule()
	for _, f := range r.Families {
		names[f.Name] = family{f}
	}
	for _, more := range []starlark.StringDict{
		guard.Universe(),
		lib.Predeclared(lib.Options{Grants: r.Grants, Stdout: printer{r}, Logger: r.Logger}),
		r.Predeclared,
	} {
		for name, v := range more {
			names[name] = v
		}
	}
	return names
}

// Names lists the predeclared names that scripts have, for who checks one
// without running it.
func Names(o Options) []string {
	r := &run{Options: o}
	return r.names().Keys()
}

// Modules lists what each predeclared module has: json, time and the like.
func Modules(o Options) map[string][]string {
	modules := map[string][]string{}
	r := &run{Options: o}
	for name, v := range r.names() {
		if m, ok := v.(*starlarkstruct.Module); ok {
			modules[name] = m.AttrNames()
		}
	}
	return modules
}

// Types lists what those values have that builtins answer with and that are no
// records of a family, by type: attempt, its error, stream and file.
func Types() map[string][]string {
	types := map[string][]string{}
	for _, v := range []starlark.HasAttrs{&attempted{}, &scriptError{}, &stream{}, &lib.File{}, &session{}} {
		types[v.Type()] = v.AttrNames()
	}
	return types
}

// A printer is the run's output as a writer, with its limit.
type printer struct{ r *run }

func (p printer) Write(b []byte) (int, error) {
	p.r.out.Lock()
	defer p.r.out.Unlock()
	if p.r.printed += int64(len(b)); p.r.Limits.Output > 0 && p.r.printed > p.r.Limits.Output {
		p.r.stop("the script printed more than its limit of %d bytes", p.r.Limits.Output)
		return 0, errors.New("too much output")
	}
	return p.r.Stdout.Write(b)
}

// sleep("2s") does nothing for a while, unless the run ends.
func sleep(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "duration", &v); err != nil {
		return nil, err
	}
	d, err := lib.Duration(v, 0)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "sleep: %w", err)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	ctx := scopeOf(t).ctx
	select {
	case <-timer.C:
		return starlark.None, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// loading is a module: being loaded, or loaded.
type loading struct {
	done    chan struct{}
	globals starlark.StringDict
	err     error
}

const loadPathKey = "cloudlark.loading" // the modules that a thread is loading

// load serves load("//lib/x.star", "f"): a module of the script's own root,
// executed once in a run.
func (s *scope) load(t *starlark.Thread, name string) (starlark.StringDict, error) {
	file, err := modulePath(name)
	if err != nil {
		return nil, err
	}
	chain, _ := t.Local(loadPathKey).([]string)
	if slices.Contains(chain, file) {
		return nil, op.Errorf(op.InvalidArgument, "load: %s loads itself: %s", file, strings.Join(append(chain, file), " → "))
	}
	s.run.mu.Lock()
	l := s.loaded[file]
	if l != nil {
		s.run.mu.Unlock()
		select {
		case <-l.done:
			return l.globals, l.err
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		}
	}
	l = &loading{done: make(chan struct{})}
	s.loaded[file] = l
	s.run.mu.Unlock()
	defer close(l.done)
	t.SetLocal(loadPathKey, append(slices.Clone(chain), file))
	defer t.SetLocal(loadPathKey, chain)
	l.globals, l.err = s.run.module(s, file)
	return l.globals, l.err
}

// modulePath is a module's file in the script's root. Only what begins with //
// can be loaded, and nothing outside of the root.
func modulePath(name string) (string, error) {
	rest, ok := strings.CutPrefix(name, "//")
	if !ok {
		return "", op.Errorf(op.InvalidArgument, "load: %q: a module is named from the script's folder with two slashes before it: \"//%s\"", name, strings.TrimLeft(path.Clean("/"+name), "/"))
	}
	if !fs.ValidPath(rest) || rest == "." {
		return "", op.Errorf(op.InvalidArgument, "load: %q leads out of the script's folder, or is no file's name", name)
	}
	return rest, nil
}

// module executes a file on a scope's thread.
func (r *run) module(s *scope, file string) (globals starlark.StringDict, err error) {
	defer guard.Recover(&err)
	src, err := fs.ReadFile(r.FS, file)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, op.Errorf(op.NotFound, "%s: there is no such script", file)
		}
		return nil, op.Errorf(op.InvalidArgument, "%s: %w", file, err)
	}
	prog, err := r.compile(file, src)
	if err != nil {
		return nil, err
	}
	globals, err = prog.Init(s.thread, r.predeclared)
	if err = s.raised(err, false); err != nil {
		return nil, err
	}
	return globals, guard.Freeze(slices.Collect(maps.Values(globals))...)
}

func (r *run) compile(file string, src []byte) (*starlark.Program, error) {
	f, err := guard.Parse(Dialect, file, src)
	if err != nil {
		return nil, err
	}
	return starlark.FileProgram(f, r.predeclared.Has)
}
