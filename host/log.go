package host

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// logging writes a line for every operation: what changes something at level
// Info, what fails at Warn, the rest at Debug. Arguments are written at Debug
// alone, and never what may be secret: see [arguments].
func logging(log *slog.Logger) op.Interceptor {
	return func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		level := slog.LevelDebug
		if r.Effect() != op.Reads {
			level = slog.LevelInfo
		}
		if !log.Enabled(ctx, slog.LevelWarn) {
			return next(ctx, r)
		}
		begin := time.Now()
		out, err := next(ctx, r)
		items, stream := out.(op.Items)
		if err != nil || !stream {
			logCall(ctx, log, level, r, begin, err)
			return out, err
		}
		return op.Items(func(yield func(any, error) bool) {
			var failed error
			defer func() { logCall(ctx, log, level, r, begin, failed) }()
			items(func(item any, err error) bool {
				failed = err
				return yield(item, err)
			})
		}), nil
	}
}

func logCall(ctx context.Context, log *slog.Logger, level slog.Level, r *op.Request, begin time.Time, err error) {
	if err != nil {
		level = slog.LevelWarn
		if kind := op.KindOf(err); kind == op.NotFound || kind == op.Canceled {
			level = slog.LevelInfo // often just what was asked
		}
	}
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := append(about(r), slog.Duration("duration", time.Since(begin)))
	if log.Enabled(ctx, slog.LevelDebug) {
		attrs = append(attrs, slog.Attr{Key: "args", Value: slog.GroupValue(arguments(r.Op.In(), r.In)...)})
	}
	if err != nil {
		attrs = append(attrs, failure(op.AsError(err)))
	}
	log.LogAttrs(ctx, level, "call", attrs...)
}

// about says which request a line is about.
func about(r *op.Request) []slog.Attr {
	attrs := make([]slog.Attr, 0, 8)
	return append(attrs, slog.String("op", r.Op.String()), slog.String("provider", r.Provider), slog.String("connection", r.Connection))
}

// failure says how a request failed.
func failure(e *op.Error) slog.Attr {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind)), slog.String("message", e.Message)}
	if e.Code != "" {
		attrs = append(attrs, slog.String("code", e.Code))
	}
	if e.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", e.RequestID))
	}
	return slog.Attr{Key: "error", Value: slog.GroupValue(attrs...)}
}

// arguments are an input's fields that are set. Secrets are not shown. Neither
// is what people put secrets into although it has no type for them: long texts
// such as user data, and the values of dicts such as a container's environment.
func arguments(t *op.Type, in any) []slog.Attr {
	v := reflect.ValueOf(in)
	if v.Kind() != reflect.Struct || v.Type() != t.Go {
		return nil
	}
	var attrs []slog.Attr
	for _, f := range t.Fields {
		if fv := v.FieldByIndex(f.Index); !fv.IsZero() {
			attrs = append(attrs, slog.Attr{Key: f.Name, Value: shown(&f, fv)})
		}
	}
	return attrs
}

const longText = 128

func shown(f *op.Field, v reflect.Value) slog.Value {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case f.IsSecret():
		return slog.StringValue(op.Secret("").String())
	case f.IsStream():
		return slog.StringValue("(stream)")
	}
	switch v.Kind() {
	case reflect.String:
		if v.Len() > longText {
			return slog.AnyValue(length{"characters", v.Len()})
		}
		return slog.StringValue(v.String())
	case reflect.Map:
		keys := make([]string, 0, v.Len())
		for _, k := range v.MapKeys() {
			keys = append(keys, k.String())
		}
		slices.Sort(keys)
		return slog.AnyValue(keys)
	case reflect.Bool:
		return slog.BoolValue(v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		return slog.Int64Value(v.Int())
	case reflect.Float32, reflect.Float64:
		return slog.Float64Value(v.Float())
	case reflect.Slice:
		if f.Ref != "" {
			return slog.AnyValue(v.Interface())
		}
		return slog.AnyValue(length{"items", v.Len()})
	}
	return slog.StringValue("(" + f.TypeName() + ")")
}

// length stands for a value that is not shown.
type length struct {
	of string
	n  int
}

func (l length) LogValue() slog.Value { return slog.GroupValue(slog.Int(l.of, l.n)) }
