package lxd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// An answer is what every call of the API is answered with.
type answer struct {
	Type      string          `json:"type"`  // sync, async, error
	Error     string          `json:"error"` // of type error
	ErrorCode int             `json:"error_code"`
	Operation string          `json:"operation"` // of type async: where it is
	Metadata  json.RawMessage `json:"metadata"`
}

// An operation is what goes on in the background.
type operation struct {
	ID         string          `json:"id"`
	Class      string          `json:"class"` // task, websocket, token
	StatusCode int             `json:"status_code"`
	Err        string          `json:"err"`
	MayCancel  bool            `json:"may_cancel"`
	Metadata   json.RawMessage `json:"metadata"`
}

// The codes of operations that have ended.
const (
	codeSuccess  = 200
	codeCanceled = 401 // 400 is failure
)

// largest is what is taken of an answer; lists of thousands are far smaller.
const largest = 64 << 20

// do makes one request and returns its response, which is no error's.
func (d *driver) do(ctx context.Context, method, path string, query url.Values, body any, header map[string]string) (*http.Response, error) {
	if d.project != "" && !query.Has("project") {
		if query == nil {
			query = url.Values{}
		}
		query.Set("project", d.project)
	}
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "body: %w", err)
		}
		content = bytes.NewReader(data)
	}
	target := d.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%w", err)
	}
	r.Header.Set("User-Agent", "cloudlark")
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := d.http.Do(r)
	if err != nil {
		return nil, failed(err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	err = refused(resp)
	if op.KindOf(err) == op.PermissionDenied && !d.trusted(ctx) {
		err = op.Errorf(op.Unauthenticated, "the server does not trust this client's certificate: add it there with lxc config trust add, or name another with cert_path and key_path")
	}
	return nil, err
}

// trusted asks the server whether it knows the client. It tells everybody this much.
func (d *driver) trusted(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/1.0", nil)
	if err != nil {
		return true
	}
	resp, err := d.http.Do(r)
	if err != nil {
		return true
	}
	defer resp.Body.Close()
	var a answer
	var s struct {
		Auth string `json:"auth"`
	}
	known := json.NewDecoder(io.LimitReader(resp.Body, largest)).Decode(&a) == nil && json.Unmarshal(a.Metadata, &s) == nil
	return !known || s.Auth != "untrusted"
}

// ask makes one request and reads its answer.
func (d *driver) ask(ctx context.Context, method, path string, query url.Values, body any) (answer, error) {
	var a answer
	resp, err := d.do(ctx, method, path, query, body, nil)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, largest)).Decode(&a); err != nil {
		return a, failed(err)
	}
	if a.Type == "error" {
		return a, refusal(a.ErrorCode, a.Error)
	}
	return a, nil
}

// get reads what is at a path.
func get[T any](ctx context.Context, d *driver, path string, query url.Values) (T, error) {
	var v T
	a, err := d.ask(ctx, http.MethodGet, path, query, nil)
	if err == nil {
		err = decode(a.Metadata, &v)
	}
	return v, err
}

func decode(data json.RawMessage, into any) error {
	if len(data) == 0 {
		return op.Errorf(op.Internal, "the server's answer is not of the API: it has no metadata")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return failed(err)
	}
	return nil
}

// act makes a request that changes something, and waits until it is done. A
// container that a change is going on at is waited for.
func (d *driver) act(ctx context.Context, method, path string, query url.Values, body any) (operation, error) {
	var done operation
	err := op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		a, err := d.ask(ctx, method, path, query, body)
		if err == nil && a.Type == "async" {
			done, err = d.finished(ctx, a)
		}
		if busy(err) {
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return done, failed(err)
	}
	return done, nil
}

// busy reports whether err says that another operation on a container goes on,
// as the one that ends it when its init has ended.
func busy(err error) bool {
	return err != nil && strings.Contains(err.Error(), "is busy running")
}

// finished waits until the operation that an answer names has ended. When the
// context ends first, the operation is called off where it can be.
func (d *driver) finished(ctx context.Context, a answer) (operation, error) {
	var o operation
	if err := decode(a.Metadata, &o); err != nil {
		return o, err
	}
	at := "/1.0/operations/" + url.PathEscape(o.ID)
	for o.StatusCode < codeSuccess {
		err := op.Again(ctx, true, func() (err error) {
			var now operation
			if now, err = get[operation](ctx, d, at+"/wait", url.Values{"timeout": {"60"}}); err == nil {
				o = now
			}
			return err
		})
		switch {
		case ctx.Err() != nil:
			if o.MayCancel {
				undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
				defer cancel()
				_, _ = d.ask(undo, http.MethodDelete, at, nil, nil) // or it goes on, which the error leaves open
			}
			return o, failed(ctx.Err())
		case op.KindOf(err) == op.NotFound:
			return o, op.Errorf(op.Unavailable, "the server no longer knows its operation %s: how that ended is not known", o.ID)
		case err != nil:
			return o, err
		}
	}
	switch o.StatusCode {
	case codeSuccess:
		return o, nil
	case codeCanceled:
		return o, op.Errorf(op.Conflict, "the operation was called off at the server")
	}
	return o, refusal(http.StatusInternalServerError, o.Err)
}

// patient is a context for a request that must be known to have had effect or none:
// it lasts a while longer than the caller's.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(10*time.Second, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() { stop(); cancel(errors.New("done")) }
}

// A server is what it says of itself.
type server struct {
	Extensions  []string `json:"api_extensions"`
	Environment struct {
		Server    string `json:"server"` // lxd, incus
		Name      string `json:"server_name"`
		Version   string `json:"server_version"`
		Clustered bool   `json:"server_clustered"`
	} `json:"environment"`
}

func (d *driver) server(ctx context.Context) (server, error) {
	return get[server](ctx, d, "/1.0", nil)
}

// named is the path of a container, by its name.
func named(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, "/?#% ") || strings.HasPrefix(name, ".") {
		return "", op.Errorf(op.NotFound, "there is no container %q: it cannot be a container's name", name)
	}
	return "/1.0/instances/" + url.PathEscape(name), nil
}
