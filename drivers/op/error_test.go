package op_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestErrorMessage(t *testing.T) {
	for _, c := range []struct {
		err  op.Error
		want string
	}{
		{op.Error{Kind: op.NotFound, Message: "no node i-1"}, "not found: no node i-1"},
		{op.Error{Kind: op.NotFound}, "not found"},
		{op.Error{Kind: op.RateLimited, Provider: "ec2", Op: "create_node", Message: "slow down", Code: "RequestLimitExceeded", RequestID: "r-1"},
			"create_node (ec2): rate limited: slow down [RequestLimitExceeded] (request id r-1)"},
		{op.Error{Kind: op.Conflict, Op: "stop_node", Message: "IncorrectState: pending", Code: "IncorrectState"}, "stop_node: conflict: IncorrectState: pending"},
		{op.Error{Kind: op.Conflict, Provider: "ec2", Message: "m"}, "ec2: conflict: m"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestKindOfFailure(t *testing.T) {
	var number int
	for _, c := range []struct {
		err  error
		want op.Kind
	}{
		{fmt.Errorf("asking: %w", context.Canceled), op.Canceled},
		{&url.Error{Op: "Get", Err: context.DeadlineExceeded}, op.Timeout},
		{&url.Error{Op: "Get", Err: errors.New("no such host")}, op.Unavailable},
		{fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), op.Unavailable},
		{json.Unmarshal([]byte("<html>"), &number), op.Unavailable},
		{json.Unmarshal([]byte(`"one"`), &number), op.Unavailable},
		{&fs.PathError{Op: "open", Err: fs.ErrNotExist}, op.Internal},
		{errors.New("what?"), op.Internal},
	} {
		if got := op.KindOfFailure(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	cause := io.ErrUnexpectedEOF
	err := fmt.Errorf("while testing: %w", op.Errorf(op.Unavailable, "the connection broke: %w", cause))
	if !errors.Is(err, op.Unavailable) || errors.Is(err, op.NotFound) || !errors.Is(err, cause) {
		t.Errorf("errors.Is does not know %v", err)
	}
	if e, ok := errors.AsType[*op.Error](err); !ok || e.Message != "the connection broke: unexpected EOF" {
		t.Errorf("errors.As does not know %v", err)
	}
	if several := op.Errorf(op.Internal, "%w and %w", cause, io.ErrNoProgress); !errors.Is(several, cause) || !errors.Is(several, io.ErrNoProgress) {
		t.Errorf("a cause is lost of %v", several)
	}
	for _, c := range []struct {
		err  error
		want op.Kind
	}{
		{nil, ""},
		{err, op.Unavailable},
		{op.QuotaExceeded, op.QuotaExceeded},
		{fmt.Errorf("wrapped: %w", op.QuotaExceeded), op.QuotaExceeded},
		{context.Canceled, op.Canceled},
		{fmt.Errorf("wrapped: %w", context.DeadlineExceeded), op.Timeout},
		{errors.New("what?"), op.Internal},
	} {
		if got := op.KindOf(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
	if op.AsError(nil) != nil {
		t.Error("no error is an error")
	}
	if len(op.Kinds) != len(op.NotFound.Values()) {
		t.Error("Kinds and Values differ")
	}
}

func TestErrorJSON(t *testing.T) {
	b, err := json.Marshal(op.Errorf(op.NotFound, "gone: %w", io.EOF))
	if want := `{"kind":"not_found","message":"gone: EOF"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v; want %s", b, err, want)
	}
}

// TestSecret prints a secret in every way there is.
func TestSecret(t *testing.T) {
	const hidden = "hidden-in-the-test"
	type config struct {
		Name string    `json:"name"`
		Key  op.Secret `json:"key"`
		Keys []op.Secret
		By   map[string]op.Secret
		Any  any
	}
	s := op.Secret(hidden)
	c := config{"n", s, []op.Secret{s}, map[string]op.Secret{"k": s}, s}
	var out bytes.Buffer
	for _, v := range []any{s, &s, c, &c, []any{s}, op.Errorf(op.Internal, "%v %s", s, c)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%e", "%T", "%10v", "%-10s", "%!", "%z"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		out.Write(b)
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("text", "value", v, slog.Group("group", "inner", v))
		}
	}
	if strings.Contains(out.String(), hidden) || strings.Contains(strings.ToLower(out.String()), fmt.Sprintf("%x", hidden)) {
		t.Errorf("the secret was shown:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing says that something is hidden")
	}
	if s.Reveal() != hidden {
		t.Errorf("Reveal gives %q", s.Reveal())
	}
	// It is read as any text.
	var read config
	if err := json.Unmarshal([]byte(`{"key": "read"}`), &read); err != nil || read.Key.Reveal() != "read" {
		t.Errorf("read %q, %v", read.Key.Reveal(), err)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"list_nodes", "get_node", "create_node", "create_nodes", "start_node", "stop_node", "resize_node", "name", "size"}
	for _, c := range []struct{ name, want string }{
		{"lits_nodes", "; did you mean list_nodes?"},
		{"LIST_NODES", "; did you mean list_nodes?"},
		{"create_nod", "; did you mean create_node or create_nodes?"},
		{"nmae", "; did you mean name?"},
		{"siez", "; did you mean size?"},
		{"reboot", " (there are: " + strings.Join(names, ", ") + ")"},
		{strings.Repeat("create_node", 1<<20), " (there are: " + strings.Join(names, ", ") + ")"},
	} {
		if got := op.DidYouMean(c.name, names); got != c.want {
			t.Errorf("%.20q: %q, want %q", c.name, got, c.want)
		}
	}
	if got := op.Nearest("node", names); len(got) > 3 {
		t.Errorf("more than three: %q", got)
	}
	if got := op.DidYouMean("x", nil); got != "" {
		t.Errorf("of no names: %q", got)
	}
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "0.5": 500 * time.Millisecond, "": 0, "-3": 0, "soon": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0} {
		if got := op.RetryAfter(header); got != want {
			t.Errorf("%q is %v, not %v", header, got, want)
		}
	}
	for _, form := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", "Mon Jan _2 15:04:05 2006"} {
		at := time.Now().Add(time.Hour).UTC().Format(form)
		if got := op.RetryAfter(at); got < 59*time.Minute || got > time.Hour {
			t.Errorf("%q, an hour from now, is %v", at, got)
		}
	}
}
