package lib

import (
	"strings"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins/guard"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// maxDigits is how long a number in JSON may be: to read it takes its length's square.
const maxDigits = 100_000

// jsonModule is json, the language's own: encode, decode, indent and
// encode_indent. Each looks first at what it is given, since a value can stand
// for far more text than it takes itself, and a text for a value too deep to walk.
var jsonModule = module("json", map[string]function{
	"encode": func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := guard.Printable(args...); err != nil {
			return nil, err
		}
		return jsonBuiltin("encode", t, args, kwargs)
	},
	"encode_indent": func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := guard.Printable(args...); err != nil {
			return nil, err
		}
		text, err := jsonBuiltin("encode", t, args, nil)
		if err != nil {
			return nil, err
		}
		return indentJSON(t, b, starlark.Tuple{text}, kwargs)
	},
	"indent": indentJSON,
	"decode": func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if len(args) > 0 {
			if text, ok := starlark.AsString(args[0]); ok {
				if err := checkJSON(b.Name(), text, 0, 0); err != nil {
					return nil, err
				}
			}
		}
		return jsonBuiltin("decode", t, args, kwargs)
	},
})

func jsonBuiltin(name string, t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return json.Module.Members[name].(*starlark.Builtin).CallInternal(t, args, kwargs)
}

func indentJSON(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	prefix, indent := "", "\t"
	if err := starlark.UnpackArgs(b.Name(), nil, kwargs, "prefix?", &prefix, "indent?", &indent); err != nil {
		return nil, err
	}
	if len(args) > 0 {
		if text, ok := starlark.AsString(args[0]); ok {
			if err := checkJSON(b.Name(), text, len(prefix)+1, len(indent)); err != nil {
				return nil, err
			}
		}
	}
	return jsonBuiltin("indent", t, args, kwargs)
}

// checkJSON looks at a JSON text without reading it: at how deep it is, how many
// values it has, how long its numbers are, and how long it becomes when every
// value begins a line with so many bytes, and so many more for its depth.
func checkJSON(builtin, text string, line, indent int) error {
	limit := guard.Default
	depth, values, digits, size := 0, 0, 0, len(text)
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= '0' && c <= '9' {
			if digits++; digits > maxDigits {
				return op.Errorf(op.InvalidArgument, "%s: a number has more than %d digits", builtin, maxDigits)
			}
			continue
		}
		digits = 0
		switch c {
		case '"':
			i = stringEnd(text, i)
			continue
		case '[', '{':
			depth++
			values++
		case ']', '}':
			depth--
		case ',':
			values++
		default:
			continue
		}
		if depth > limit.Depth {
			return op.Errorf(op.InvalidArgument, "%s: the text is nested more than %d deep", builtin, limit.Depth)
		}
		if values > limit.Items {
			return op.Errorf(op.InvalidArgument, "%s: the text has more than %d values", builtin, limit.Items)
		}
		if size += line + max(depth, 0)*indent; size > limit.Bytes && line > 0 {
			return op.Errorf(op.InvalidArgument, "%s: the result would have more than %d bytes", builtin, limit.Bytes)
		}
	}
	return nil
}

// stringEnd is the closing quote of the string that begins at i, or the text's end.
func stringEnd(text string, i int) int {
	for i++; i < len(text); i++ {
		n := strings.IndexAny(text[i:], `"\`)
		if n < 0 {
			return len(text)
		}
		if i += n; text[i] == '"' {
			return i
		}
		i++ // what is escaped
	}
	return len(text)
}
