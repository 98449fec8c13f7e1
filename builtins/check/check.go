// Package check finds mistakes in a script without running it: what does not
// parse, names that nothing defines, and calls that the operation table refuses.
//
// It follows what a value is through the script: compute.driver(…) is a
// connection, an operation of it answers with a record or a list of them, and
// so on. It says nothing where it does not know: a variable that may be one
// thing or another, a function's parameters.
package check

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/builtins/guard"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Options is what to check, and against what.
type Options struct {
	FS        fs.FS
	Path      string
	Families  []*op.Family
	Providers []*drivers.Provider
	Names     []string // the predeclared names: builtins.Names
}

// A Problem is a mistake and where it is.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"column"`
	Message string `json:"message"`
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Message)
}

// Check returns the problems of a script and of what it loads, in their order.
// The error is about reading the script.
func Check(o Options) ([]Problem, error) {
	c := &checker{Options: o, defined: map[string]map[string]value{}, functions: map[*syntax.DefStmt]*function{}}
	if _, err := c.file(o.Path); err != nil {
		return nil, err
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(slices.Index(c.files, a.File), slices.Index(c.files, b.File)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return c.problems, nil
}

type checker struct {
	Options
	problems   []Problem
	files      []string                    // in the order of their loading
	defined    map[string]map[string]value // what a file defines; nil while that is not known
	later      []func()                    // functions' bodies: they run when the globals are known
	functions  map[*syntax.DefStmt]*function
	attempting bool // within attempt
	silent     bool // a loop is gone through to see what it assigns
}

func (c *checker) problem(n syntax.Node, format string, args ...any) {
	pos, _ := n.Span()
	c.problemAt(pos, fmt.Sprintf(format, args...))
}

func (c *checker) problemAt(pos syntax.Position, msg string) {
	if c.silent {
		return
	}
	p := Problem{pos.Filename(), int(pos.Line), int(pos.Col), msg}
	if !slices.Contains(c.problems, p) {
		c.problems = append(c.problems, p)
	}
}

// file checks a file once and returns the names that it defines.
func (c *checker) file(path string) (map[string]value, error) {
	if names, ok := c.defined[path]; ok {
		return names, nil
	}
	c.defined[path] = nil
	c.files = append(c.files, path)
	src, err := fs.ReadFile(c.FS, path)
	if err != nil {
		return nil, err
	}
	f, err := guard.Syntax(builtins.Dialect, path, src)
	if err != nil {
		if e, ok := errors.AsType[syntax.Error](err); ok {
			c.problemAt(e.Pos, "syntax error: "+e.Msg)
		} else {
			c.problemAt(syntax.MakePosition(&path, 1, 1), op.AsError(err).Message)
		}
		return nil, nil
	}
	if err := resolve.File(f, func(n string) bool { return slices.Contains(c.Names, n) }, starlark.Universe.Has); err != nil {
		for _, e := range err.(resolve.ErrorList) {
			hint := ""
			if name, ok := strings.CutPrefix(e.Msg, "undefined: "); ok {
				hint = op.DidYouMean(name, append(slices.Clone(c.Names), starlark.Universe.Keys()...))
			}
			c.problemAt(e.Pos, e.Msg+hint)
		}
	}
	env := &scope{names: map[string]value{}}
	outer := c.later
	c.later = nil
	c.stmts(f.Stmts, env)
	for len(c.later) > 0 {
		body := c.later[0]
		c.later = c.later[1:]
		body()
	}
	c.later = outer
	c.defined[path] = env.names
	return env.names, nil
}

// load checks a loaded file, and that it defines what is loaded from it.
func (c *checker) load(s *syntax.LoadStmt, env *scope) {
	name := s.Module.Value.(string)
	path, ok := strings.CutPrefix(name, "//")
	var defined map[string]value
	if !ok || !fs.ValidPath(path) {
		c.problem(s.Module, "load: %q: a module is named from the script's folder with two slashes before it: \"//lib/x.star\"", name)
	} else if names, err := c.file(path); err != nil {
		c.problem(s.Module, "load: %s: there is no such script", name)
	} else {
		defined = names
	}
	for i, from := range s.From {
		v, ok := defined[from.Name]
		if defined != nil && !ok {
			c.problem(from, "load: %s does not define %s%s", name, from.Name, op.DidYouMean(from.Name, slices.Sorted(maps.Keys(defined))))
		}
		env.bind(s.To[i].Name, v)
	}
}

// A scope is the names that a piece of a script sees, and what they stand for.
type scope struct {
	names map[string]value
	outer *scope
}

// bind gives a name a value. A name that may be one thing or another is nothing
// that is known.
func (s *scope) bind(name string, v value) {
	if old, bound := s.names[name]; bound && old != v {
		v = nil
	}
	s.names[name] = v
}

func (s *scope) lookup(name string) (value, bool) {
	for ; s != nil; s = s.outer {
		if v, ok := s.names[name]; ok {
			return v, true
		}
	}
	return nil, false
}

// A value is what an expression is known to be: nil for anything.
type value any

type (
	familyValue     struct{ f *op.Family }
	connectionValue struct {
		f *op.Family
		p *drivers.Provider // nil if not known
	}
	recordValue struct {
		f *op.Family
		t *op.Type
		p *drivers.Provider
	}
	listValue struct {
		of   recordValue
		lazy bool // what an operation answers with, not yet a list of the language's own
	}
	functionValue struct{ def *function }
	paramsValue   struct{ names *[]string } // what params declares
)

// A function is what can be known of one of the script's own.
type function struct {
	name     string
	params   []string // in their order; those after a star too
	required map[string]bool
	ordered  int // how many may be given without a name
	args     bool
	kwargs   bool
}
