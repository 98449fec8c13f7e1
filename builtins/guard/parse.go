package guard

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/drivers/op"
)

const (
	maxSource = 1 << 20 // bytes of a script
	maxSyntax = 3000    // nodes in nodes of its syntax tree; a sum of so many terms is one
)

// The guards' names: none that a script can say.
const (
	guardPlus    = "guard +"
	guardTimes   = "guard *"
	guardPercent = "guard %"
	guardShift   = "guard <<"
	guardEqual   = "guard =="
	guardIn      = "guard in"
	guardMethod  = "guard ."
	guardTuple   = "guard ,"
	guardSpread  = "guard *args"
	guardSecond  = "guard ;" // of two arguments, returns the second
)

// Parse parses a script and guards its operations. The program needs
// [Universe] among its predeclared names.
func Parse(dialect *syntax.FileOptions, name string, src []byte) (*syntax.File, error) {
	f, err := Syntax(dialect, name, src)
	if err != nil {
		return nil, err
	}
	stmts(f.Stmts)
	return f, nil
}

// Syntax parses a script and leaves it as it is, to be looked at and not to be
// run. It refuses a text whose tree nobody could walk.
func Syntax(dialect *syntax.FileOptions, name string, src []byte) (f *syntax.File, err error) {
	defer Recover(&err)
	if len(src) > maxSource {
		return nil, op.Errorf(op.InvalidArgument, "%s: a script has at most %d KiB, and this has %d", name, maxSource>>10, (len(src)+1023)>>10)
	}
	// The parser recurses on brackets, and has a limit of its own for them.
	// What it parses in a loop, such as a + b + c, is deep only in the tree.
	if f, err = dialect.Parse(name, src, 0); err != nil {
		return nil, err
	}
	depth := 0
	syntax.Walk(f, func(n syntax.Node) bool {
		if n == nil {
			depth--
			return true
		}
		if depth++; depth > maxSyntax && err == nil {
			err = syntax.Error{Pos: syntax.Start(n), Msg: fmt.Sprintf("more than %d expressions or statements in one another: give parts of it names", maxSyntax)}
		}
		for _, id := range bound(n) {
			if (constant(id.Name) || strings.Contains(id.Name, " ")) && err == nil {
				err = syntax.Error{Pos: id.NamePos, Msg: fmt.Sprintf("%q cannot be given a value: it is no name, or the language's own", id.Name)}
			}
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// guarded is x under a guard.
func guarded(name string, pos syntax.Position, x syntax.Expr, more ...syntax.Expr) syntax.Expr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: pos, Name: name}, Lparen: pos, Args: append([]syntax.Expr{x}, more...), Rparen: pos}
}

func stmts(list []syntax.Stmt) {
	for _, s := range list {
		stmt(s)
	}
}

func stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		s.LHS = target(s.LHS)
		switch {
		case s.Op == syntax.EQ && isTuple(s.LHS):
			s.RHS = transient(s.RHS)
		case s.Op == syntax.EQ:
			s.RHS = expr(s.RHS)
		default:
			const assigned = syntax.PLUS_EQ - syntax.PLUS
			s.Op, s.RHS = operator(s.Op-assigned, s.OpPos, s.LHS, s.RHS)
			s.Op += assigned
		}
	case *syntax.DefStmt:
		params(s.Params)
		stmts(s.Body)
		if args := varargs(s.Params); args != nil {
			check := &syntax.AssignStmt{OpPos: s.Def, Op: syntax.EQ, LHS: args, RHS: guarded(guardTuple, s.Def, copied(args))}
			at := 0
			if e, ok := s.Body[0].(*syntax.ExprStmt); ok && isText(e.X) {
				at = 1 // after the documentation
			}
			s.Body = append(s.Body[:at:at], append([]syntax.Stmt{check}, s.Body[at:]...)...)
		}
	case *syntax.ExprStmt:
		s.X = expr(s.X)
	case *syntax.ForStmt:
		s.Vars = target(s.Vars)
		s.X = expr(s.X)
		stmts(s.Body)
	case *syntax.WhileStmt:
		s.Cond = expr(s.Cond)
		stmts(s.Body)
	case *syntax.IfStmt:
		s.Cond = expr(s.Cond)
		stmts(s.True)
		stmts(s.False)
	case *syntax.ReturnStmt:
		s.Result = expr(s.Result)
	}
}

// params guards the defaults of parameters.
func params(list []syntax.Expr) {
	for _, p := range list {
		if b, ok := p.(*syntax.BinaryExpr); ok {
			b.Y = expr(b.Y)
		}
	}
}

// varargs is the name after the star in parameters, or nil.
func varargs(params []syntax.Expr) *syntax.Ident {
	for _, p := range params {
		if u, ok := p.(*syntax.UnaryExpr); ok && u.Op == syntax.STAR && u.X != nil {
			return copied(u.X.(*syntax.Ident))
		}
	}
	return nil
}

// copied is a further use of a name: the resolver wants a node for each.
func copied(id *syntax.Ident) *syntax.Ident {
	return &syntax.Ident{NamePos: id.NamePos, Name: id.Name}
}

// target is what is assigned to: nothing there is computed but what is in it.
func target(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.ParenExpr:
		e.X = target(e.X)
	case *syntax.TupleExpr:
		for i := range e.List {
			e.List[i] = target(e.List[i])
		}
	case *syntax.ListExpr:
		for i := range e.List {
			e.List[i] = target(e.List[i])
		}
	case *syntax.DotExpr:
		e.X = expr(e.X)
	case *syntax.IndexExpr:
		e.X, e.Y = expr(e.X), expr(e.Y)
	}
	return e
}

func exprs(list []syntax.Expr) {
	for i := range list {
		list[i] = expr(list[i])
	}
}

func expr(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.BinaryExpr:
		e.X = expr(e.X)
		e.Op, e.Y = operator(e.Op, e.OpPos, e.X, e.Y)
		if compares(e.Op) && !simple(e.X) && !simple(e.Y) {
			e.X = guarded(guardEqual, e.OpPos, e.X)
		}
	case *syntax.CallExpr:
		e.Fn = expr(e.Fn)
		for i, arg := range e.Args {
			switch a := arg.(type) {
			case *syntax.BinaryExpr:
				if a.Op == syntax.EQ { // name = value
					a.Y = expr(a.Y)
					continue
				}
			case *syntax.UnaryExpr:
				if a.Op == syntax.STAR {
					a.X = guarded(guardSpread, a.OpPos, expr(a.X))
					continue
				}
			}
			e.Args[i] = expr(arg)
		}
	case *syntax.Comprehension:
		e.Body = expr(e.Body)
		for _, c := range e.Clauses {
			switch c := c.(type) {
			case *syntax.ForClause:
				c.Vars, c.X = target(c.Vars), expr(c.X)
			case *syntax.IfClause:
				c.Cond = expr(c.Cond)
			}
		}
	case *syntax.CondExpr:
		e.Cond, e.True, e.False = expr(e.Cond), expr(e.True), expr(e.False)
	case *syntax.DictEntry:
		e.Key, e.Value = expr(e.Key), expr(e.Value)
	case *syntax.DictExpr:
		exprs(e.List)
	case *syntax.DotExpr:
		e.X = expr(e.X)
		if guardedMethods[e.Name.Name] {
			e.X = guarded(guardMethod, e.Dot, e.X)
		}
	case *syntax.IndexExpr:
		e.X, e.Y = expr(e.X), expr(e.Y)
	case *syntax.LambdaExpr:
		params(e.Params)
		e.Body = expr(e.Body)
		if args := varargs(e.Params); args != nil {
			e.Body = guarded(guardSecond, e.Lambda, guarded(guardTuple, e.Lambda, args), e.Body)
		}
	case *syntax.ListExpr:
		exprs(e.List)
	case *syntax.ParenExpr:
		e.X = expr(e.X)
	case *syntax.SliceExpr:
		e.X, e.Lo, e.Hi, e.Step = expr(e.X), expr(e.Lo), expr(e.Hi), expr(e.Step)
	case *syntax.TupleExpr:
		exprs(e.List)
		if !allSimple(e) {
			return guarded(guardTuple, syntax.Start(e), e)
		}
	case *syntax.UnaryExpr:
		e.X = expr(e.X)
	}
	return e
}

// transient is a tuple that is taken apart at once, and so needs no guard.
func transient(e syntax.Expr) syntax.Expr {
	switch x := e.(type) {
	case *syntax.ParenExpr:
		x.X = transient(x.X)
		return x
	case *syntax.TupleExpr:
		exprs(x.List)
		return x
	}
	return expr(e)
}

// operator returns "x o y" with y under the operator's guard, if the operator
// needs one with such operands. x may be what is assigned to.
//
// % and << become *, since for * the interpreter asks an operand that it does
// not know, and for them it does not. The operand knows what it is asked for.
func operator(o syntax.Token, pos syntax.Position, x, y syntax.Expr) (syntax.Token, syntax.Expr) {
	literal, number := literalOf(y), isNumber(x)
	switch o {
	case syntax.PLUS:
		// One more literal makes a value longer by what the text has.
		y = expr(y)
		if _, isList := unparen(y).(*syntax.ListExpr); !isList && literal == 0 && !number {
			y = guarded(guardPlus, pos, y)
		}
	case syntax.STAR:
		if y = expr(y); !(number && isNumber(y)) && literalOf(x) != syntax.FLOAT && literal != syntax.FLOAT {
			y = guarded(guardTimes, pos, y)
		}
	case syntax.PERCENT:
		if y = transient(y); !number && literal == 0 {
			o, y = syntax.STAR, guarded(guardPercent, pos, y)
		}
	case syntax.LTLT:
		o, y = syntax.STAR, guarded(guardShift, pos, expr(y))
	case syntax.IN, syntax.NOT_IN:
		if y = transient(y); !simple(x) && literal == 0 && !allSimple(y) {
			y = guarded(guardIn, pos, y)
		}
	default:
		y = expr(y)
	}
	return o, y
}

func compares(o syntax.Token) bool {
	switch o {
	case syntax.EQL, syntax.NEQ, syntax.LT, syntax.LE, syntax.GT, syntax.GE:
		return true
	}
	return false
}

func unparen(e syntax.Expr) syntax.Expr {
	if p, ok := e.(*syntax.ParenExpr); ok {
		return unparen(p.X)
	}
	return e
}

// literalOf is the token of a literal, 0 for any other expression.
func literalOf(e syntax.Expr) syntax.Token {
	if l, ok := unparen(e).(*syntax.Literal); ok {
		return l.Token
	}
	return 0
}

func isNumber(e syntax.Expr) bool {
	t := literalOf(e)
	return t == syntax.INT || t == syntax.FLOAT
}

func isText(e syntax.Expr) bool { return literalOf(e) == syntax.STRING }

func isTuple(e syntax.Expr) bool {
	switch unparen(e).(type) {
	case *syntax.TupleExpr, *syntax.ListExpr:
		return true
	}
	return false
}

// simple reports whether an expression is seen to hold no other value in its
// own: such a value is quick to compare, and harmless in a tuple.
func simple(e syntax.Expr) bool {
	switch e := unparen(e).(type) {
	case *syntax.Literal:
		return true
	case *syntax.UnaryExpr:
		return e.Op == syntax.NOT || simple(e.X)
	case *syntax.ListExpr:
		return len(e.List) == 0
	case *syntax.DictExpr:
		return len(e.List) == 0
	case *syntax.TupleExpr:
		return len(e.List) == 0
	case *syntax.BinaryExpr:
		return compares(e.Op) || e.Op == syntax.IN || e.Op == syntax.NOT_IN
	case *syntax.Ident:
		return constant(e.Name)
	}
	return false
}

// allSimple reports whether an expression is a list or a tuple of simple ones.
func allSimple(e syntax.Expr) bool {
	var elems []syntax.Expr
	switch e := unparen(e).(type) {
	case *syntax.ListExpr:
		elems = e.List
	case *syntax.TupleExpr:
		elems = e.List
	default:
		return false
	}
	return !slices.ContainsFunc(elems, func(e syntax.Expr) bool { return !simple(e) })
}

// constant reports whether a name always means what it means in the language.
// In a comparison, no guard is needed then.
func constant(name string) bool { return name == "None" || name == "True" || name == "False" }

// bound are the names to which a node gives values.
func bound(n syntax.Node) []*syntax.Ident {
	switch n := n.(type) {
	case *syntax.AssignStmt:
		return names(n.LHS)
	case *syntax.ForStmt:
		return names(n.Vars)
	case *syntax.ForClause:
		return names(n.Vars)
	case *syntax.DefStmt:
		return append(names(n.Params...), n.Name)
	case *syntax.LambdaExpr:
		return names(n.Params...)
	case *syntax.LoadStmt:
		return n.To
	}
	return nil
}

// names are those in targets of an assignment, or in parameters.
func names(list ...syntax.Expr) []*syntax.Ident {
	var all []*syntax.Ident
	for _, e := range list {
		switch e := e.(type) {
		case *syntax.Ident:
			all = append(all, e)
		case *syntax.ParenExpr:
			all = append(all, names(e.X)...)
		case *syntax.TupleExpr:
			all = append(all, names(e.List...)...)
		case *syntax.ListExpr:
			all = append(all, names(e.List...)...)
		case *syntax.BinaryExpr: // a parameter's default
			all = append(all, names(e.X)...)
		case *syntax.UnaryExpr: // *args, **kwargs, or a bare *
			if e.X != nil {
				all = append(all, names(e.X)...)
			}
		}
	}
	return all
}
