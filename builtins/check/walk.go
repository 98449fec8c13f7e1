package check

import (
	"slices"

	"go.starlark.net/syntax"
)

func (c *checker) stmts(list []syntax.Stmt, env *scope) {
	for _, s := range list {
		c.stmt(s, env)
	}
}

func (c *checker) stmt(s syntax.Stmt, env *scope) {
	switch s := s.(type) {
	case *syntax.LoadStmt:
		c.load(s, env)
	case *syntax.AssignStmt:
		v := c.expr(s.RHS, env)
		if s.Op != syntax.EQ {
			c.expr(s.LHS, env)
			v = nil
		}
		c.assign(s.LHS, v, env)
	case *syntax.DefStmt:
		env.bind(s.Name.Name, c.functionOf(s))
		c.function(s.Params, env, func(inner *scope) { c.stmts(s.Body, inner) })
	case *syntax.ExprStmt:
		c.expr(s.X, env)
	case *syntax.ForStmt:
		v := element(c.expr(s.X, env))
		c.loop(func() {
			c.assign(s.Vars, v, env)
			c.stmts(s.Body, env)
		})
	case *syntax.WhileStmt:
		c.loop(func() {
			c.expr(s.Cond, env)
			c.stmts(s.Body, env)
		})
	case *syntax.IfStmt:
		c.expr(s.Cond, env)
		c.stmts(s.True, env)
		c.stmts(s.False, env)
	case *syntax.ReturnStmt:
		if s.Result != nil {
			c.expr(s.Result, env)
		}
	}
}

// loop checks what is done again and again. What its end assigns, its begin
// sees, so it is gone through once to see that.
func (c *checker) loop(body func()) {
	if !c.silent {
		c.silent = true
		body()
		c.silent = false
	}
	body()
}

// functionOf is what is known of a function that is defined. It is the same
// value each time, since a loop is gone through twice.
func (c *checker) functionOf(s *syntax.DefStmt) value {
	if f := c.functions[s]; f != nil {
		return functionValue{f}
	}
	f := &function{name: s.Name.Name, required: map[string]bool{}}
	star := false
	for _, p := range s.Params {
		switch p := p.(type) {
		case *syntax.Ident:
			f.params = append(f.params, p.Name)
			f.required[p.Name] = true
		case *syntax.BinaryExpr:
			f.params = append(f.params, p.X.(*syntax.Ident).Name)
		case *syntax.UnaryExpr:
			f.args = f.args || p.Op == syntax.STAR && p.X != nil
			f.kwargs = f.kwargs || p.Op == syntax.STARSTAR
			star = true
			continue
		}
		if !star {
			f.ordered++
		}
	}
	c.functions[s] = f
	return functionValue{f}
}

// function has a body checked in a scope of its own, once all that it can see is known.
func (c *checker) function(params []syntax.Expr, env *scope, body func(*scope)) {
	inner := &scope{names: map[string]value{}, outer: env}
	for _, p := range params {
		switch p := p.(type) {
		case *syntax.Ident:
			inner.bind(p.Name, nil)
		case *syntax.BinaryExpr: // name = default
			c.expr(p.Y, env)
			inner.bind(p.X.(*syntax.Ident).Name, nil)
		case *syntax.UnaryExpr: // *args, **kwargs
			if id, ok := p.X.(*syntax.Ident); ok {
				inner.bind(id.Name, nil)
			}
		}
	}
	if !c.silent {
		c.later = append(c.later, func() { body(inner) })
	}
}

// assign binds what stands on the left of an assignment, or in a loop.
func (c *checker) assign(lhs syntax.Expr, v value, env *scope) {
	switch lhs := lhs.(type) {
	case *syntax.Ident:
		env.bind(lhs.Name, v)
	case *syntax.ParenExpr:
		c.assign(lhs.X, v, env)
	case *syntax.TupleExpr:
		for _, x := range lhs.List {
			c.assign(x, nil, env)
		}
	case *syntax.ListExpr:
		for _, x := range lhs.List {
			c.assign(x, nil, env)
		}
	default:
		c.expr(lhs, env)
	}
}

// element is what a loop over v sees.
func element(v value) value {
	if l, ok := v.(listValue); ok {
		return l.of
	}
	return nil
}

// expr checks an expression and returns what it is.
func (c *checker) expr(e syntax.Expr, env *scope) value {
	switch e := e.(type) {
	case *syntax.Ident:
		if v, bound := env.lookup(e.Name); bound {
			return v
		}
		for _, f := range c.Families {
			if f.Name == e.Name {
				return familyValue{f}
			}
		}
	case *syntax.ParenExpr:
		return c.expr(e.X, env)
	case *syntax.DotExpr:
		return c.attribute(e, c.expr(e.X, env))
	case *syntax.CallExpr:
		return c.call(e, env)
	case *syntax.IndexExpr:
		v := c.expr(e.X, env)
		c.expr(e.Y, env)
		return element(v)
	case *syntax.SliceExpr:
		v := c.expr(e.X, env)
		for _, x := range []syntax.Expr{e.Lo, e.Hi, e.Step} {
			if x != nil {
				c.expr(x, env)
			}
		}
		return v
	case *syntax.CondExpr:
		c.expr(e.Cond, env)
		a, b := c.expr(e.True, env), c.expr(e.False, env)
		if a == b {
			return a
		}
	case *syntax.BinaryExpr:
		c.expr(e.X, env)
		c.expr(e.Y, env)
	case *syntax.UnaryExpr:
		if e.X != nil {
			c.expr(e.X, env)
		}
	case *syntax.ListExpr:
		return c.items(e.List, env)
	case *syntax.TupleExpr:
		c.items(e.List, env)
	case *syntax.DictExpr:
		for _, entry := range e.List {
			c.expr(entry, env)
		}
	case *syntax.DictEntry:
		c.expr(e.Key, env)
		c.expr(e.Value, env)
	case *syntax.LambdaExpr:
		c.function(e.Params, env, func(inner *scope) { c.expr(e.Body, inner) })
	case *syntax.Comprehension:
		inner := &scope{names: map[string]value{}, outer: env}
		for _, clause := range e.Clauses {
			switch clause := clause.(type) {
			case *syntax.ForClause:
				c.assign(clause.Vars, element(c.expr(clause.X, inner)), inner)
			case *syntax.IfClause:
				c.expr(clause.Cond, inner)
			}
		}
		if r, ok := c.expr(e.Body, inner).(recordValue); ok && !e.Curly {
			return listValue{r, false}
		}
	}
	return nil
}

// items checks a list's items; of records of one type it is a list of those.
func (c *checker) items(list []syntax.Expr, env *scope) value {
	var all []value
	for _, x := range list {
		all = append(all, c.expr(x, env))
	}
	if len(all) > 0 && !slices.ContainsFunc(all, func(v value) bool { return v != all[0] }) {
		if r, ok := all[0].(recordValue); ok {
			return listValue{r, false}
		}
	}
	return nil
}
