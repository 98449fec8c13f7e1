// Package guard keeps a script from taking the process down.
//
// The interpreter counts steps and can be cancelled between two of them, but a
// single step can allocate or loop without bound, and a Go stack that overflows
// ends the process. So single operations are made safe here; how much many of
// them take together is for the run's limits.
//
//	what could be done in one step             what stops it
//	list(range(10**10)), all(range(…))         range is bounded, and ends with its context
//	[0] * 10**9, "a" * 10**9, 2**… by *        * is rewritten to a function that looks at the size
//	"x".join(…), "…".replace(…)                these methods are, too
//	str(x) of a value nested a million deep    str, repr, print, hash … look at the depth
//	a text nested a million deep               Parse refuses it before the parser sees it
//
// Rewriting happens in the syntax tree, with positions kept: an error is
// reported where the script has the operator. The functions' names contain a
// space, so no script can name them.
package guard

import (
	"bytes"
	"fmt"
	"math/bits"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/builtins/lib"
)

const (
	maxSource  = 1 << 20     // bytes of a script
	maxBracket = 200         // brackets in brackets in its text
	maxBytes   = 64 << 20    // of one string
	maxItems   = 4 << 20     // of one list that an operator makes
	maxRange   = 100_000_000 // numbers in one range
	maxBits    = 1 << 22     // of an integer that is multiplied
	maxDepth   = 1000        // values in values, where something walks them
)

// Names that the rewriting uses: nothing that a script can write.
const (
	mulName  = "guarded *"
	attrName = "guarded ."
)

// Parse parses a script and makes its single operations safe. The program needs
// [Universe] among its predeclared names.
func Parse(dialect *syntax.FileOptions, name string, src []byte) (*syntax.File, error) {
	if len(src) > maxSource {
		return nil, fmt.Errorf("%s: a script has at most %d KiB; this has %d", name, maxSource>>10, len(src)>>10)
	}
	if line := tooNested(src); line > 0 {
		return nil, syntax.Error{Pos: syntax.MakePosition(&name, int32(line), 1), Msg: fmt.Sprintf("more than %d brackets are open", maxBracket)}
	}
	f, err := dialect.Parse(name, src, 0)
	if err != nil {
		return nil, err
	}
	r := rewriter{}
	for _, s := range f.Stmts {
		r.stmt(s)
	}
	return f, r.err
}

// tooNested returns the line on which too many brackets are open, or 0. The
// parser is recursive, and what it recurses on are brackets.
func tooNested(src []byte) int {
	depth, line := 0, 1
	for i := 0; i < len(src); i++ {
		switch c := src[i]; c {
		case '\n':
			line++
		case '(', '[', '{':
			if depth++; depth > maxBracket {
				return line
			}
		case ')', ']', '}':
			depth--
		case '#':
			if n := bytes.IndexByte(src[i:], '\n'); n >= 0 {
				i += n - 1
			} else {
				return 0
			}
		case '"', '\'':
			end := stringEnd(src, i)
			line += bytes.Count(src[i:end], []byte("\n"))
			i = end - 1
		}
	}
	return 0
}

// stringEnd is behind the string literal that begins at i.
func stringEnd(src []byte, i int) int {
	quote := src[i : i+1]
	if bytes.HasPrefix(src[i:], bytes.Repeat(quote, 3)) {
		quote = bytes.Repeat(quote, 3)
	}
	for j := i + len(quote); j < len(src); j++ {
		switch {
		case src[j] == '\\':
			j++
		case src[j] == '\n' && len(quote) == 1:
			return j // unterminated: the parser says so
		case bytes.HasPrefix(src[j:], quote):
			return j + len(quote)
		}
	}
	return len(src)
}

// A rewriter puts guarded functions in place of operators and methods.
type rewriter struct{ err error }

func (r *rewriter) stmts(list []syntax.Stmt) {
	for _, s := range list {
		r.stmt(s)
	}
}

func (r *rewriter) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		r.expr(&s.LHS)
		r.expr(&s.RHS)
		if s.Op == syntax.STAR_EQ {
			if calls(s.LHS) {
				r.fail(s.OpPos, "*= to what a call returns: give it a name first")
				return
			}
			s.Op = syntax.EQ
			s.RHS = call(mulName, s.OpPos, s.LHS, s.RHS)
		}
	case *syntax.DefStmt:
		for i := range s.Params {
			r.expr(&s.Params[i])
		}
		r.stmts(s.Body)
	case *syntax.ExprStmt:
		r.expr(&s.X)
	case *syntax.ForStmt:
		r.expr(&s.Vars)
		r.expr(&s.X)
		r.stmts(s.Body)
	case *syntax.WhileStmt:
		r.expr(&s.Cond)
		r.stmts(s.Body)
	case *syntax.IfStmt:
		r.expr(&s.Cond)
		r.stmts(s.True)
		r.stmts(s.False)
	case *syntax.ReturnStmt:
		if s.Result != nil {
			r.expr(&s.Result)
		}
	}
}

func (r *rewriter) exprs(list []syntax.Expr) {
	for i := range list {
		r.expr(&list[i])
	}
}

func (r *rewriter) expr(p *syntax.Expr) {
	switch e := (*p).(type) {
	case nil:
	case *syntax.BinaryExpr:
		// "name = value" in a call is a BinaryExpr as well, whose name is no expression.
		if e.Op != syntax.EQ {
			r.expr(&e.X)
		}
		r.expr(&e.Y)
		if e.Op == syntax.STAR {
			*p = call(mulName, e.OpPos, e.X, e.Y)
		}
	case *syntax.CallExpr:
		r.expr(&e.Fn)
		r.exprs(e.Args)
	case *syntax.DotExpr:
		r.expr(&e.X)
		if guardedMethods[e.Name.Name] != nil {
			*p = call(attrName, e.Dot, e.X, &syntax.Literal{Token: syntax.STRING, TokenPos: e.NamePos, Raw: e.Name.Name, Value: e.Name.Name})
		}
	case *syntax.Comprehension:
		r.expr(&e.Body)
		for _, c := range e.Clauses {
			switch c := c.(type) {
			case *syntax.ForClause:
				r.expr(&c.Vars)
				r.expr(&c.X)
			case *syntax.IfClause:
				r.expr(&c.Cond)
			}
		}
	case *syntax.CondExpr:
		r.expr(&e.Cond)
		r.expr(&e.True)
		r.expr(&e.False)
	case *syntax.DictEntry:
		r.expr(&e.Key)
		r.expr(&e.Value)
	case *syntax.DictExpr:
		r.exprs(e.List)
	case *syntax.IndexExpr:
		r.expr(&e.X)
		r.expr(&e.Y)
	case *syntax.LambdaExpr:
		r.exprs(e.Params)
		r.expr(&e.Body)
	case *syntax.ListExpr:
		r.exprs(e.List)
	case *syntax.ParenExpr:
		r.expr(&e.X)
	case *syntax.SliceExpr:
		r.expr(&e.X)
		for _, x := range []*syntax.Expr{&e.Lo, &e.Hi, &e.Step} {
			if *x != nil {
				r.expr(x)
			}
		}
	case *syntax.TupleExpr:
		r.exprs(e.List)
	case *syntax.UnaryExpr:
		if e.X != nil {
			r.expr(&e.X)
		}
	}
}

func (r *rewriter) fail(pos syntax.Position, msg string) {
	if r.err == nil {
		r.err = syntax.Error{Pos: pos, Msg: msg}
	}
}

// calls reports whether evaluating e calls anything, so that it may not be
// evaluated twice.
func calls(e syntax.Expr) bool {
	found := false
	syntax.Walk(e, func(n syntax.Node) bool {
		_, call := n.(*syntax.CallExpr)
		found = found || call
		return !found
	})
	return found
}

func call(name string, pos syntax.Position, args ...syntax.Expr) syntax.Expr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: pos, Name: name}, Lparen: pos, Args: args, Rparen: pos}
}

// Universe are the names that a program from [Parse] needs, and the builtins of
// the language that are safe here and not in the language's own universe.
func Universe() starlark.StringDict {
	d := starlark.StringDict{
		mulName:   starlark.NewBuiltin("*", mul),
		attrName:  starlark.NewBuiltin("getattr", attr),
		"getattr": starlark.NewBuiltin("getattr", getattr),
		"range":   starlark.NewBuiltin("range", newRange),
	}
	for _, name := range []string{"str", "repr", "print", "hash", "fail"} {
		original := starlark.Universe[name].(*starlark.Builtin)
		d[name] = starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := Depth(args...); err != nil {
				return nil, err
			}
			return original.CallInternal(t, args, kwargs)
		})
	}
	return d
}

// mul is the operator *.
func mul(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, y := args[0], args[1]
	n, isInt := y.(starlark.Int)
	other := x
	if !isInt {
		n, isInt = x.(starlark.Int)
		other = y
	}
	if isInt {
		switch v := other.(type) {
		case starlark.Int:
			if a, ok := n.Int64(); ok && a>>31 == a>>63 {
				break // quick, for the usual case
			}
			if b := n.BigInt().BitLen() + v.BigInt().BitLen(); b > maxBits {
				return nil, fmt.Errorf("the product would be a number of %d bits; the limit is %d", b, maxBits)
			}
		case starlark.String:
			if err := repeated(len(v), n, maxBytes, "bytes"); err != nil {
				return nil, err
			}
		case starlark.Bytes:
			if err := repeated(len(v), n, maxBytes, "bytes"); err != nil {
				return nil, err
			}
		case starlark.Sequence:
			if err := repeated(v.Len(), n, maxItems, "items"); err != nil {
				return nil, err
			}
		}
	}
	return starlark.Binary(syntax.STAR, x, y)
}

func repeated(length int, n starlark.Int, limit int, what string) error {
	times, ok := n.Int64()
	if n.Sign() <= 0 || length == 0 {
		return nil
	}
	hi, size := bits.Mul64(uint64(length), uint64(times))
	if !ok || hi != 0 || size > uint64(limit) {
		return fmt.Errorf("the result would have %d × %s %s; the limit is %d", length, n, what, limit)
	}
	return nil
}

// guardedMethods are the methods of strings whose result may be of any size.
var guardedMethods = map[string]func(recv string, args starlark.Tuple) (size uint64){
	"join":    joined,
	"replace": replaced,
	"format":  func(recv string, args starlark.Tuple) uint64 { return 0 },
}

// attr is the operator . with the name of a guarded method.
func attr(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	v, err := starlark.Universe["getattr"].(*starlark.Builtin).CallInternal(t, args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "getattr: "))
	}
	return guardMethod(args[0], string(args[1].(starlark.String)), v), nil
}

func getattr(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	v, err := starlark.Universe["getattr"].(*starlark.Builtin).CallInternal(t, args, kwargs)
	if err != nil {
		return nil, err
	}
	name, _ := starlark.AsString(args[1])
	return guardMethod(args[0], name, v), nil
}

func guardMethod(recv starlark.Value, name string, v starlark.Value) starlark.Value {
	s, isString := recv.(starlark.String)
	method, isBuiltin := v.(*starlark.Builtin)
	size := guardedMethods[name]
	if !isString || !isBuiltin || size == nil {
		return v
	}
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if name == "join" && len(args) == 1 {
			// What is joined is gone through twice, so it may be no iterator.
			if it, ok := args[0].(starlark.Iterable); ok {
				args = starlark.Tuple{starlark.NewList(collect(it))}
			}
		}
		if err := Depth(args...); err != nil {
			return nil, err
		}
		if n := size(string(s), args); n > maxBytes {
			return nil, fmt.Errorf("the result would have %d bytes; the limit is %d", n, maxBytes)
		}
		return method.CallInternal(t, args, kwargs)
	})
}

func collect(it starlark.Iterable) []starlark.Value {
	var all []starlark.Value
	for v := range starlark.Elements(it) {
		all = append(all, v)
	}
	return all
}

func joined(sep string, args starlark.Tuple) uint64 {
	if len(args) != 1 {
		return 0
	}
	l, ok := args[0].(*starlark.List)
	if !ok {
		return 0
	}
	n := uint64(l.Len()) * uint64(len(sep))
	for i := range l.Len() {
		s, _ := starlark.AsString(l.Index(i))
		n += uint64(len(s))
	}
	return n
}

func replaced(s string, args starlark.Tuple) uint64 {
	if len(args) < 2 {
		return 0
	}
	old, _ := starlark.AsString(args[0])
	by, _ := starlark.AsString(args[1])
	if len(by) <= len(old) {
		return 0
	}
	return uint64(len(s)) + uint64(strings.Count(s, old))*uint64(len(by)-len(old))
}

// Depth returns an error if values stand in values deeper than what walks them
// (printing, freezing, comparing) can go: a Go stack that overflows ends the process.
func Depth(values ...starlark.Value) error {
	type at struct {
		v     starlark.Value
		depth int
	}
	var stack []at
	for _, v := range values {
		stack = append(stack, at{v, 0})
	}
	seen := map[starlark.Value]bool{}
	push := func(v starlark.Value, depth int) {
		switch v.(type) {
		case *starlark.List, *starlark.Dict, *starlark.Set, starlark.Tuple, starlark.HasAttrs:
			stack = append(stack, at{v, depth})
		}
	}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if top.depth > maxDepth {
			return fmt.Errorf("the value is nested more than %d deep", maxDepth)
		}
		switch v := top.v.(type) {
		case *starlark.List:
			if seen[v] {
				continue
			}
			seen[v] = true
			for i := range v.Len() {
				push(v.Index(i), top.depth+1)
			}
		case starlark.Tuple:
			for _, e := range v {
				push(e, top.depth+1)
			}
		case *starlark.Dict:
			if seen[v] {
				continue
			}
			seen[v] = true
			for _, item := range v.Items() {
				push(item[0], top.depth+1)
				push(item[1], top.depth+1)
			}
		}
	}
	return nil
}

// newRange is the builtin range. Its values end their iteration when the run
// ends, which is what makes list(range(n)) and all(range(n)) stop.
func newRange(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	v, err := starlark.Universe["range"].(*starlark.Builtin).CallInternal(t, args, kwargs)
	if err != nil {
		return nil, err
	}
	if n := starlark.Len(v); n > maxRange {
		return nil, fmt.Errorf("range: %d numbers; the limit is %d", n, maxRange)
	}
	return &numbers{v.(sequence), t}, nil
}

type sequence interface {
	starlark.Sequence
	starlark.Sliceable
	starlark.Comparable
}

// numbers is a range that can be interrupted.
type numbers struct {
	sequence
	thread *starlark.Thread
}

func (n *numbers) Slice(start, end, step int) starlark.Value {
	return &numbers{n.sequence.Slice(start, end, step).(sequence), n.thread}
}

func (n *numbers) CompareSameType(op syntax.Token, y starlark.Value, depth int) (bool, error) {
	return n.sequence.CompareSameType(op, y.(*numbers).sequence, depth)
}

// Binary makes "x in range(…)" what it is for the language's own range.
func (n *numbers) Binary(o syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	if o != syntax.IN || side != starlark.Right {
		return nil, nil
	}
	return starlark.Binary(o, y, n.sequence)
}

func (n *numbers) Iterate() starlark.Iterator {
	return &counter{Iterator: n.sequence.Iterate(), done: lib.Context(n.thread).Done()}
}

type counter struct {
	starlark.Iterator
	done <-chan struct{}
	n    int
}

func (c *counter) Next(p *starlark.Value) bool {
	if c.n++; c.n%1024 == 0 {
		select {
		case <-c.done:
			return false
		default:
		}
	}
	return c.Iterator.Next(p)
}
