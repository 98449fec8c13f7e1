package sdk

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
)

// Logger returns a logger that writes to the host's log.
func Logger() *slog.Logger { return slog.New(&logHandler{}) }

// A logHandler gives the host one line a record; the host adds the time.
type logHandler struct {
	with []func(slog.Handler) slog.Handler
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	var b bytes.Buffer
	var t slog.Handler = slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}})
	for _, f := range h.with {
		t = f(t)
	}
	if err := t.Handle(ctx, r); err != nil {
		return err
	}
	hostLog(r.Level, strings.TrimSpace(r.Message+" "+b.String()))
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.and(func(t slog.Handler) slog.Handler { return t.WithAttrs(attrs) })
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return h.and(func(t slog.Handler) slog.Handler { return t.WithGroup(name) })
}

func (h *logHandler) and(f func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{append(h.with[:len(h.with):len(h.with)], f)}
}
