package lib

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/builtins/guard"
	"github.com/cloudlark/cloudlark/drivers/op"
)

const (
	maxPatterns = 256     // that are kept compiled: a script may make patterns without end
	maxPattern  = 10_000  // bytes of a pattern
	maxSearch   = 1 << 31 // bytes of text times instructions of the pattern: seconds at the worst
	maxText     = 64 << 20
)

// A pattern is a compiled expression.
type pattern struct {
	*regexp.Regexp
	size int // instructions: how long it takes for each byte of the text
}

// patterns are those that a run has compiled.
type patterns struct {
	mu       sync.Mutex
	compiled map[string]*pattern
}

func (p *patterns) get(expr string) (*pattern, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if re := p.compiled[expr]; re != nil {
		return re, nil
	}
	if len(expr) > maxPattern {
		return nil, op.Errorf(op.InvalidArgument, "re: the pattern has %d bytes; the limit is %d", len(expr), maxPattern)
	}
	re, err := compile(expr)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "re: %w", err)
	}
	if len(p.compiled) == maxPatterns {
		clear(p.compiled)
	}
	p.compiled[expr] = re
	return re, nil
}

func compile(expr string) (*pattern, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	// The package does not tell how large what it compiled is.
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	return &pattern{re, len(prog.Inst)}, nil
}

// all returns the matches in a text as the package does: indexes of each and of its groups.
func (p *pattern) all(builtin, text string) ([][]int, error) {
	most := guard.Default.Items / (2 * (p.NumSubexp() + 1))
	found := p.FindAllStringSubmatchIndex(text, most+1)
	if len(found) > most {
		return nil, op.Errorf(op.InvalidArgument, "%s: there are more than %d matches", builtin, most)
	}
	return found, nil
}

// reModule is re: RE2 syntax, where a search takes linear time whatever the pattern.
//
//	re.search(pattern, text)        the first match: a list of the whole and its groups, or None
//	re.match(pattern, text)         the same, at the beginning of the text
//	re.findall(pattern, text)       every match: the text, or the groups if there are any
//	re.sub(pattern, by, text)       text with every match replaced; ${1} is a group
//	re.split(pattern, text)         the parts between the matches
func reModule() *starlarkstruct.Module {
	p := &patterns{compiled: map[string]*pattern{}}
	unpack := func(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple, by *string) (*pattern, string, error) {
		var expr, text string
		pairs := []any{"pattern", &expr}
		if by != nil {
			pairs = append(pairs, "by", by)
		}
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, append(pairs, "text", &text)...); err != nil {
			return nil, "", err
		}
		re, err := p.get(expr)
		if err == nil && len(text) > maxSearch/re.size {
			err = op.Errorf(op.InvalidArgument, "%s: with this pattern, a text may have %d bytes, and this has %d: search it line by line", b.Name(), maxSearch/re.size, len(text))
		}
		return re, text, err
	}
	find := func(anchored bool) function {
		return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			re, text, err := unpack(b, args, kwargs, nil)
			if err != nil {
				return nil, err
			}
			m := re.FindStringSubmatchIndex(text)
			if m == nil || anchored && m[0] != 0 {
				return starlark.None, nil
			}
			return groups(text, m), nil
		}
	}
	return module("re", map[string]function{
		"search": find(false),
		"match":  find(true),
		"findall": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			re, text, err := unpack(b, args, kwargs, nil)
			if err != nil {
				return nil, err
			}
			matches, err := re.all(b.Name(), text)
			if err != nil {
				return nil, err
			}
			all := make([]starlark.Value, len(matches))
			for i, m := range matches {
				switch g := groups(text, m); g.Len() {
				case 1, 2:
					all[i] = g.Index(g.Len() - 1)
				default:
					all[i] = g.Slice(1, g.Len(), 1)
				}
			}
			return starlark.NewList(all), nil
		},
		"sub": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var by string
			re, text, err := unpack(b, args, kwargs, &by)
			if err != nil {
				return nil, err
			}
			matches, err := re.all(b.Name(), text)
			if err != nil {
				return nil, err
			}
			var out []byte
			end := 0
			for _, m := range matches {
				out = append(out, text[end:m[0]]...)
				out = re.ExpandString(out, by, text, m)
				if end = m[1]; len(out) > maxText {
					return nil, op.Errorf(op.InvalidArgument, "%s: the result would have more than %d bytes", b.Name(), maxText)
				}
			}
			return starlark.String(append(out, text[end:]...)), nil
		},
		"split": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			re, text, err := unpack(b, args, kwargs, nil)
			if err != nil {
				return nil, err
			}
			if _, err := re.all(b.Name(), text); err != nil {
				return nil, err
			}
			var parts []starlark.Value
			for _, s := range re.Split(text, -1) {
				parts = append(parts, starlark.String(s))
			}
			return starlark.NewList(parts), nil
		},
	})
}

func groups(text string, m []int) *starlark.List {
	g := make([]starlark.Value, len(m)/2)
	for i := range g {
		g[i] = starlark.None
		if m[2*i] >= 0 {
			g[i] = starlark.String(text[m[2*i]:m[2*i+1]])
		}
	}
	return starlark.NewList(g)
}
