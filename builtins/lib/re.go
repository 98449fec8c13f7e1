package lib

import (
	"fmt"
	"regexp"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// patterns are the expressions that a run has compiled.
type patterns struct {
	mu       sync.Mutex
	compiled map[string]*regexp.Regexp
}

// maxPatterns bounds what is kept: a script may make patterns without end.
const maxPatterns = 256

func (p *patterns) get(expr string) (*regexp.Regexp, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if re := p.compiled[expr]; re != nil {
		return re, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "re: %w", err)
	}
	if len(p.compiled) == maxPatterns {
		clear(p.compiled)
	}
	p.compiled[expr] = re
	return re, nil
}

// reModule is re: RE2 syntax, which takes linear time whatever the pattern.
//
//	re.search(pattern, text)        the first match: a list of the whole and its groups, or None
//	re.match(pattern, text)         the same, at the beginning of the text
//	re.findall(pattern, text)       every match: the text, or the groups if there are any
//	re.sub(pattern, by, text)       text with every match replaced; ${1} is a group
//	re.split(pattern, text)         the parts between the matches
func reModule() *starlarkstruct.Module {
	p := &patterns{compiled: map[string]*regexp.Regexp{}}
	unpack := func(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple, by *string) (*regexp.Regexp, string, error) {
		var expr, text string
		pairs := []any{"pattern", &expr}
		if by != nil {
			pairs = append(pairs, "by", by)
		}
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, append(pairs, "text", &text)...); err != nil {
			return nil, "", err
		}
		re, err := p.get(expr)
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
			var all []starlark.Value
			for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
				switch g := groups(text, m); g.Len() {
				case 1, 2:
					all = append(all, g.Index(g.Len()-1))
				default:
					all = append(all, g.Slice(1, g.Len(), 1))
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
			if n := (len(text) + 1) * (len(by) + 1); len(by) > 1 && n > maxText {
				return nil, fmt.Errorf("%s: the result could have %d bytes; the limit is %d", b.Name(), n, maxText)
			}
			return starlark.String(re.ReplaceAllString(text, by)), nil
		},
		"split": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			re, text, err := unpack(b, args, kwargs, nil)
			if err != nil {
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

// maxText is the longest text that one call may make.
const maxText = 64 << 20

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
