package lib

import (
	"log/slog"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/builtins/guard"
)

// logModule is log: log.info(message, key = value, …), and debug, warn, error.
func logModule(logger *slog.Logger) *starlarkstruct.Module {
	at := func(level slog.Level) function {
		return func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var msg string
			if err := starlark.UnpackPositionalArgs(b.Name(), args, nil, 1, &msg); err != nil {
				return nil, err
			}
			var attrs []slog.Attr
			for _, kv := range kwargs {
				if err := guard.Printable(kv[1]); err != nil {
					return nil, err
				}
				// A secret's String is redacted, so its log is.
				attrs = append(attrs, slog.String(string(kv[0].(starlark.String)), show(kv[1])))
			}
			logger.LogAttrs(Context(t), level, msg, attrs...)
			return starlark.None, nil
		}
	}
	return module("log", map[string]function{
		"debug": at(slog.LevelDebug), "info": at(slog.LevelInfo), "warn": at(slog.LevelWarn), "error": at(slog.LevelError),
	})
}
